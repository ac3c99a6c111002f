"""Jobs that have ended wait for an archive outside of Redis, where that is wanted."""

import asyncio
from collections import Counter

import pytest

from jobqueue.broker.archive import ArchiveBacklog
from jobqueue.broker.broker import Broker, Connections, Consumer
from jobqueue.model import Outcome, RetryResult
from jobqueue.settings import RetentionSettings
from jobqueue.state import State
from tests.support.redis import RedisClient

from .helpers import QUEUE, claim, claim_one, enqueue, prefix_of, settle, state_of


async def end(broker: Broker, consumer: Consumer, count: int) -> list[str]:
    """Let so many jobs be completed, and give their ids in that order."""
    ids = await enqueue(broker, count)
    for _ in ids:
        await settle(consumer, [await claim_one(consumer)], Outcome.COMPLETED, result=b"1")
    return ids


async def test_every_end_waits_for_the_archive(broker: Broker, consumer: Consumer) -> None:
    """All that ended is read whole, the oldest end first, until the archiver has it."""
    await broker.archive.set_limit(QUEUE, 10)
    completed, dead = await enqueue(broker, 2)
    one, two = await claim(consumer, 2)
    await settle(consumer, [one], Outcome.COMPLETED, result=b'"paid"')
    await asyncio.sleep(0.002)  # another millisecond, so that the order is known
    await settle(consumer, [two], Outcome.DEAD, reason="exhausted")
    await asyncio.sleep(0.002)
    (cancelled,) = await enqueue(broker)
    await broker.cancel(cancelled)
    jobs = await broker.archive.read(QUEUE)
    assert [(job.id, job.state) for job in jobs] == [
        (completed, State.COMPLETED),
        (dead, State.DEAD),
        (cancelled, State.CANCELLED),
    ]
    assert (jobs[0].result, jobs[0].payload, jobs[1].reason) == (b'"paid"', b"0", "exhausted")
    assert [job.id for job in await broker.archive.read(QUEUE, limit=1)] == [completed]
    assert await broker.archive.done(QUEUE, jobs[:2]) == 2
    assert await broker.archive.done(QUEUE, jobs[:2]) == 0
    assert [job.id for job in await broker.archive.read(QUEUE)] == [cancelled]


async def test_without_an_archive_nothing_waits(
    broker: Broker, consumer: Consumer, client: RedisClient, namespace: str
) -> None:
    """It is off unless it was switched on, and switched off it gives up what waits."""
    await end(broker, consumer, 2)
    assert await broker.archive.backlog(QUEUE) == ArchiveBacklog(None, 0, 0)
    assert await broker.archive.read(QUEUE) == []
    await broker.archive.set_limit(QUEUE, 10)
    await end(broker, consumer, 3)
    assert await broker.archive.backlog(QUEUE) == ArchiveBacklog(10, 3, 0)
    await broker.archive.set_limit(QUEUE, None)
    await end(broker, consumer, 1)
    assert await broker.archive.backlog(QUEUE) == ArchiveBacklog(None, 0, 0)
    assert not client.exists(f"{prefix_of(namespace)}archive")
    with pytest.raises(ValueError, match="at least 1"):
        await broker.archive.set_limit(QUEUE, 0)


async def test_a_dead_archiver_does_not_fill_redis(broker: Broker, consumer: Consumer) -> None:
    """Beyond the limit the jobs that ended first are given up, and counted."""
    await broker.archive.set_limit(QUEUE, 3)
    ids = await end(broker, consumer, 5)
    assert await broker.archive.backlog(QUEUE) == ArchiveBacklog(3, 3, 2)
    waiting = {job.id for job in await broker.archive.read(QUEUE)}
    assert len(waiting) == 3
    assert ids[-1] in waiting
    await broker.archive.set_limit(QUEUE, 1)
    assert await broker.archive.backlog(QUEUE) == ArchiveBacklog(1, 1, 4)


async def test_a_lower_limit_gives_up_any_number(
    broker: Broker, consumer: Consumer, client: RedisClient, namespace: str
) -> None:
    """However many wait, they are given up in steps that nobody notices."""
    await broker.archive.set_limit(QUEUE, 10_000)
    await end(broker, consumer, 1)
    key = f"{prefix_of(namespace)}archive"
    client.zadd(key, {f"gone-{number}": number for number in range(2500)})
    await broker.archive.set_limit(QUEUE, 1)
    assert await broker.archive.backlog(QUEUE) == ArchiveBacklog(1, 1, 2500)


async def test_retention_waits_for_the_archive(redis_url: str, namespace: str) -> None:
    """A job is kept past its retention until it was archived, and removed then."""
    keep = RetentionSettings(completed_count=1)
    broker = Broker(await Connections.open(redis_url), namespace=namespace, retention=keep)
    consumer = await broker.consumer(QUEUE, worker_id="w1", lease=15)
    await broker.archive.set_limit(QUEUE, 100)
    ids = await end(broker, consumer, 4)
    assert (await broker.reap(QUEUE, lease=15)).removed == 0
    assert [await state_of(broker, job_id) for job_id in ids] == [State.COMPLETED] * 4
    page = await broker.list_jobs(State.COMPLETED, queue=QUEUE)
    assert {job.id for job in page.jobs} == set(ids)
    await broker.archive.done(QUEUE, await broker.archive.read(QUEUE))
    assert (await broker.reap(QUEUE, lease=15)).removed == 3
    assert len((await broker.list_jobs(State.COMPLETED, queue=QUEUE)).jobs) == 1
    await broker.close()


async def test_a_clear_leaves_what_waits_for_the_archive(
    broker: Broker, consumer: Consumer
) -> None:
    """Emptying a state comes to its end, and takes all that the archive does not wait for."""
    old = await end(broker, consumer, 2)
    await broker.archive.set_limit(QUEUE, 100)
    new = await end(broker, consumer, 2)
    taken = [count async for count in broker.operator.clear(QUEUE, State.COMPLETED)]
    assert sum(taken) == 2
    assert [await state_of(broker, job_id) for job_id in old] == [None, None]
    assert [await state_of(broker, job_id) for job_id in new] == [State.COMPLETED] * 2


async def test_a_retried_job_comes_with_its_new_end(broker: Broker, consumer: Consumer) -> None:
    """An archiver that was slow does not take the new end of a job for the one that it has read."""
    await broker.archive.set_limit(QUEUE, 10)
    (job_id,) = await enqueue(broker)
    await settle(consumer, [await claim_one(consumer)], Outcome.DEAD)
    read = await broker.archive.read(QUEUE)
    assert await broker.retry(job_id) is RetryResult.QUEUED
    assert (await broker.archive.backlog(QUEUE)).waiting == 0
    await asyncio.sleep(0.002)  # the new end is in another millisecond
    await settle(consumer, [await claim_one(consumer)], Outcome.COMPLETED, result=b"1")
    assert await broker.archive.done(QUEUE, read) == 0
    (again,) = await broker.archive.read(QUEUE)
    assert (again.id, again.state) == (job_id, State.COMPLETED)


async def test_several_archivers_miss_nothing(broker: Broker, consumer: Consumer) -> None:
    """However many read, and however often one dies before it is done, each end is stored."""
    await broker.archive.set_limit(QUEUE, 1000)
    ids = await enqueue(broker, 300)
    stored: Counter[str] = Counter()

    async def archive(dies: int) -> None:
        while jobs := await broker.archive.read(QUEUE, limit=20):
            stored.update(job.id for job in jobs)
            if dies:
                dies -= 1
            else:
                await broker.archive.done(QUEUE, jobs)

    for _ in range(3):
        await settle(consumer, await claim(consumer, 100), Outcome.COMPLETED, result=b"1")
    await asyncio.gather(*(archive(dies) for dies in (0, 1, 3)))
    assert set(stored) == set(ids)
    assert await broker.archive.backlog(QUEUE) == ArchiveBacklog(1000, 0, 0)
