"""The name that tells one Redis' objects in a storage from another's."""

import asyncio

from jobqueue.broker.broker import Broker, Connections
from jobqueue.settings import RetentionSettings
from tests.support.redis import RedisClient


async def test_all_processes_find_the_same_name(
    client: RedisClient, namespace: str, redis_url: str
) -> None:
    """Whoever asks first, at the same time or later: one namespace has one name."""
    processes = [await Connections.open(redis_url) for _ in range(4)]
    for number in range(50):
        name, keep = f"{namespace}-{number}", RetentionSettings()
        brokers = [Broker(each, namespace=name, retention=keep) for each in processes]
        found = await asyncio.gather(*(each.deployment() for each in brokers))
        assert {*found} == {client.get(f"{name}:deployment")}
    for connections in processes:
        await connections.close()
    client.flushall()


async def test_each_namespace_has_its_own(broker: Broker, namespace: str, redis_url: str) -> None:
    """Two namespaces, and two Redis servers, are told apart."""
    connections = await Connections.open(redis_url)
    other = Broker(connections, namespace=f"{namespace}-b", retention=RetentionSettings())
    assert await other.deployment() != await broker.deployment()
    await other.close()


async def test_a_full_redis_still_tells_it(broker: Broker, client: RedisClient) -> None:
    """A name that was made once can be read when Redis refuses every write."""
    name = await broker.deployment()
    client.config_set("maxmemory", "1")
    try:
        assert await broker.deployment() == name
    finally:
        client.config_set("maxmemory", "0")
