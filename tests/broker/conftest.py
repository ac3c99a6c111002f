"""A broker on the tests' Redis, checked after each test for what must always hold."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis

from jobqueue.broker.broker import Broker, Connections, Consumer
from jobqueue.settings import RetentionSettings
from tests.support.redis import RedisClient, debug_options, redis_server, server_binary

from .helpers import QUEUE
from .invariants import violations
from .schedule_rig import Rig


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis of the broker's tests alone: they look at all of it, and empty it."""
    with (
        tempfile.TemporaryDirectory(prefix="jq-") as folder,
        redis_server(Path(folder), *debug_options(server_binary())) as url,
    ):
        yield url


@pytest.fixture
def client(redis_url: str) -> Iterator[RedisClient]:
    """A plain client, to look at Redis from outside."""
    with redis.Redis.from_url(redis_url, decode_responses=True, encoding="latin-1") as client:
        yield client


@pytest.fixture
async def broker(redis_url: str, namespace: str, client: RedisClient) -> AsyncIterator[Broker]:
    """A broker in a namespace of the test's own; what it leaves must hold together."""
    connections = await Connections.open(redis_url)
    broker = Broker(connections, namespace=namespace, retention=RetentionSettings())
    yield broker
    await broker.close()
    used = {key.partition("}")[0] for key in client.scan_iter(f"{namespace}:{{*}}:*")}
    wrong = [each for start in used for each in violations(client, f"{start}}}:")]
    client.flushall()
    assert wrong == []


@pytest.fixture
async def consumer(broker: Broker) -> Consumer:
    """A worker's hold on the queue of the tests."""
    return await broker.consumer(QUEUE, worker_id="w1", lease=15)


@pytest.fixture
def rig(broker: Broker, client: RedisClient, namespace: str) -> Rig:
    """A schedule on the tests' Redis."""
    return Rig(broker, client, namespace)
