"""A broker on the tests' Redis, checked after each test for what must always hold."""

from collections.abc import AsyncIterator, Iterator

import pytest
import redis

from jobqueue.broker.broker import Broker, Connections, Consumer
from jobqueue.settings import RetentionSettings
from tests.support.redis import RedisClient

from .helpers import QUEUE, prefix_of
from .invariants import violations


@pytest.fixture
def client(redis_url: str) -> Iterator[RedisClient]:
    """A plain client, to look at Redis from outside."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
async def broker(redis_url: str, namespace: str, client: RedisClient) -> AsyncIterator[Broker]:
    """A broker in a namespace of the test's own; what it leaves must hold together."""
    connections = await Connections.open(redis_url)
    broker = Broker(connections, namespace=namespace, retention=RetentionSettings())
    yield broker
    await broker.close()
    assert violations(client, prefix_of(namespace)) == []


@pytest.fixture
async def consumer(broker: Broker) -> Consumer:
    """A worker's hold on the queue of the tests."""
    return await broker.consumer(QUEUE, worker_id="w1", lease=15)
