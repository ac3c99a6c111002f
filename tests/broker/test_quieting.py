"""The flag by which an operator keeps a worker from claiming."""

import pytest

from jobqueue.broker.broker import Broker, Consumer
from jobqueue.errors import WorkerNotFound
from jobqueue.model import PoolInfo, WorkerInfo
from tests.support.redis import RedisClient

from .helpers import QUEUE, prefix_of

WORKER = WorkerInfo(
    id="w1",
    host="box",
    pid=1,
    roles=("worker",),
    version="test",
    pools=(PoolInfo(QUEUE, slots=1, busy=0),),
    processed=0,
    failed=0,
    started_at_ms=0,
)


async def test_a_beat_brings_the_word(broker: Broker, consumer: Consumer) -> None:
    """A worker hears with each beat whether it is to be quiet, until that is taken back."""
    assert not await consumer.beat(WORKER)
    await broker.quiet("w1")
    assert [await consumer.beat(WORKER) for _ in range(2)] == [True, True]
    await broker.unquiet("w1")
    assert not await consumer.beat(WORKER)


async def test_the_word_lives_as_long_as_its_worker(
    broker: Broker, consumer: Consumer, client: RedisClient, namespace: str
) -> None:
    """The flag of a worker that beats does not expire, that of one that signs off is gone."""
    flag = f"{prefix_of(namespace)}quiet:w1"
    await consumer.beat(WORKER)
    await broker.quiet("w1")
    client.pexpire(flag, 1000)
    await consumer.beat(WORKER)
    assert client.pttl(flag) > 50_000
    await consumer.leave()
    assert not client.exists(flag)


async def test_only_workers_that_are_there_can_be_told(broker: Broker) -> None:
    """Who names a worker that does not beat is told so."""
    with pytest.raises(WorkerNotFound, match="'w2'"):
        await broker.quiet("w2")
    with pytest.raises(WorkerNotFound, match="'w2'"):
        await broker.unquiet("w2")


async def test_who_signed_off_is_not_listed_again(broker: Broker, consumer: Consumer) -> None:
    """A beat that comes after its worker's end does not bring the worker back."""
    await consumer.beat(WORKER)
    await consumer.leave()
    await consumer.beat(WORKER)
    assert await broker.workers() == []
