"""A broker on the tests' Redis, and shorthands for what its tests do again and again."""

from collections.abc import AsyncIterator, Callable

import pytest

from jobqueue.broker.broker import Broker, Connections, Consumer
from jobqueue.ids import new_job_id
from jobqueue.model import NewJob
from jobqueue.settings import RetentionSettings

QUEUE = "q"

MakeConsumer = Callable[..., "Consumer"]


@pytest.fixture
async def broker(redis_url: str, namespace: str) -> AsyncIterator[Broker]:
    """A broker in a namespace of the test's own."""
    connections = await Connections.open(redis_url)
    broker = Broker(connections, namespace=namespace, retention=RetentionSettings())
    yield broker
    await broker.close()


@pytest.fixture
async def consumer(broker: Broker) -> Consumer:
    """A worker's hold on the queue `q`."""
    return await broker.consumer(QUEUE, worker_id="w1", lease=15)


def new_job(payload: bytes = b"{}", **fields: object) -> NewJob:
    """A job of type `noop` for the queue `q`."""
    return NewJob(new_job_id(QUEUE), "noop", payload, **fields)  # type: ignore[arg-type]  # of NewJob
