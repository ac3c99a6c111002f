"""Pause, resume, promote, reschedule, and change of priority, in every place a job can be."""

import asyncio

import pytest

from jobqueue.broker.broker import Broker, Consumer
from jobqueue.limits import QueueLimits
from jobqueue.model import Outcome
from jobqueue.state import State
from jobqueue.submission import JobOptions, Parent, Priority
from tests.support.redis import RedisClient
from tests.support.wait import eventually

from .helpers import (
    QUEUE,
    claim,
    claim_one,
    complete,
    counts,
    drain,
    enqueue,
    new_job,
    prefix_of,
    read,
    settle,
)


async def test_a_paused_queue_starts_nothing(broker: Broker, consumer: Consumer) -> None:
    """Neither what waits in a lane nor what a worker was handed already; pausing twice is once."""
    await enqueue(broker, 3)
    await consumer.wait(1)  # one is in the inbox now, the next in the handoff
    assert await broker.operator.pause(QUEUE)
    assert not await broker.operator.pause(QUEUE)
    assert await claim(consumer, 5) == []
    assert await counts(broker) == {State.QUEUED: 3}
    (stats,) = await broker.stats([QUEUE])
    assert stats.paused
    assert await broker.operator.resume(QUEUE)
    assert not await broker.operator.resume(QUEUE)
    assert len(await claim(consumer, 5)) == 3


async def test_a_pause_lets_what_runs_end(broker: Broker, consumer: Consumer) -> None:
    """Verdicts count as ever; a job that is to be retried, or comes due, waits for the resume."""
    await enqueue(broker, 3)
    done, retried, returned = await claim(consumer, 3)
    await enqueue(broker, delay_ms=1)
    await broker.operator.pause(QUEUE)
    await complete(consumer, done)
    await settle(consumer, [retried], Outcome.RETRY)
    await settle(consumer, [returned], Outcome.RETURNED)
    await eventually(lambda: _all_are_due(broker))
    assert await claim(consumer, 5) == []
    await broker.operator.resume(QUEUE)
    assert len(await claim(consumer, 5)) == 3


async def _all_are_due(broker: Broker) -> bool:
    await broker.reap(QUEUE, lease=15)
    return State.SCHEDULED not in await counts(broker)


async def test_a_pause_wakes_nobody_and_a_resume_does(broker: Broker, consumer: Consumer) -> None:
    """An idle worker sleeps through the pause, and is woken by the resume itself."""
    await broker.operator.pause(QUEUE)
    await enqueue(broker)
    await consumer.wait(0.01)
    assert await claim(consumer) == []
    waiting = asyncio.create_task(consumer.wait(30))
    await broker.operator.resume(QUEUE)
    await asyncio.wait_for(waiting, 10)
    await claim_one(consumer)


async def test_a_pause_at_a_limit(broker: Broker, consumer: Consumer) -> None:
    """A resume opens only what the pause had closed: the cap still holds."""
    await broker.operator.set_limits(QUEUE, QueueLimits(concurrency=1))
    await enqueue(broker, 3)
    job = await claim_one(consumer)
    await broker.operator.pause(QUEUE)
    await broker.operator.resume(QUEUE)
    assert await claim(consumer, 5) == []
    await complete(consumer, job)
    assert len(await claim(consumer, 5)) == 1


async def test_a_promoted_job_starts_now(broker: Broker, consumer: Consumer) -> None:
    """In its own lane, and once; its time does not start it again."""
    (job_id,) = await enqueue(broker, delay_ms=600_000, priority=Priority.HIGH)
    assert await broker.operator.promote(job_id) == "queued"
    assert await broker.operator.promote(job_id) == "queued"
    assert await drain(consumer, slots=5) == [job_id]
    assert await broker.operator.promote(job_id) == "completed"
    assert await broker.operator.promote(new_job().id) == "not_found"
    assert await broker.operator.promote("nonsense") == "not_found"


async def test_a_retry_that_waits_can_be_promoted(broker: Broker, consumer: Consumer) -> None:
    """The backoff of a failed attempt is cut short, and the attempt stays spent."""
    (job_id,) = await enqueue(broker)
    await settle(consumer, await claim(consumer), Outcome.RETRY, delay_ms=600_000)
    await broker.operator.promote(job_id)
    job = await claim_one(consumer)
    assert (job.id, job.attempt) == (job_id, 2)


@pytest.mark.parametrize("delay_ms", [0, 600_000])
async def test_a_job_starts_at_its_new_time(
    broker: Broker, consumer: Consumer, delay_ms: int
) -> None:
    """Earlier or later, once; a sleeping worker is woken for an earlier one."""
    (job_id,) = await enqueue(broker, delay_ms=delay_ms)
    soon = (await read(broker, job_id)).created_at_ms + 100
    waiting = asyncio.create_task(consumer.wait(10)) if delay_ms else None
    assert await broker.operator.reschedule(job_id, soon) == "scheduled"
    if waiting:
        await asyncio.wait_for(waiting, 5)
    (job,) = await eventually(lambda: claim(consumer))
    assert job.id == job_id
    assert ((await read(broker, job_id)).started_at_ms or 0) >= soon
    assert await broker.operator.reschedule(job_id, soon) == "active"


@pytest.mark.parametrize("group", [None, "red"])
@pytest.mark.parametrize("delay_ms", [0, 5])
async def test_a_job_of_another_priority(
    broker: Broker, consumer: Consumer, group: str | None, delay_ms: int
) -> None:
    """It starts before all that came before it, once, of a tenant as of none."""
    await enqueue(broker, group=group)  # is handed over to whoever comes first
    await enqueue(broker, 5, group=group)
    (job_id,) = await enqueue(broker, priority=Priority.LOW, group=group, delay_ms=delay_ms)
    assert await broker.operator.prioritize(job_id, Priority.CRITICAL) in {"queued", "scheduled"}
    assert (await read(broker, job_id)).priority is Priority.CRITICAL
    await eventually(lambda: _all_are_due(broker))
    started = await drain(consumer)
    assert (started.index(job_id), len(started)) == (1, 7)


async def test_a_delivered_job_changes_its_priority_too(
    broker: Broker, consumer: Consumer, client: RedisClient, namespace: str
) -> None:
    """In a handoff or an inbox it is started once, and lost to nobody."""
    (delivered,) = await enqueue(broker)
    await consumer.wait(1)
    (handed,) = await enqueue(broker)
    assert client.lrange(f"{prefix_of(namespace)}handoff", 0, -1) == [handed[-26:]]
    for job_id in (handed, delivered):
        await broker.operator.prioritize(job_id, Priority.LOW)
    await consumer.leave()
    other = await broker.consumer(QUEUE, worker_id="w2", lease=15)
    assert sorted(await drain(other)) == sorted([handed, delivered])


async def test_a_blocked_job_keeps_its_new_priority(broker: Broker, consumer: Consumer) -> None:
    """It takes its place in the new lane when its parent has ended."""
    (parent,) = await enqueue(broker)
    child = new_job(priority=Priority.LOW, options=JobOptions(depends_on=(Parent(parent),)))
    await broker.enqueue(child)
    assert await broker.operator.prioritize(child.id, Priority.CRITICAL) == "blocked"
    job = await claim_one(consumer)
    await enqueue(broker, 3)
    await complete(consumer, job)
    assert child.id in (await drain(consumer))[:2]


async def test_a_running_job_keeps_its_priority(broker: Broker, consumer: Consumer) -> None:
    """It has started: there is nothing to put before others."""
    (job_id,) = await enqueue(broker)
    job = await claim_one(consumer)
    assert await broker.operator.prioritize(job_id, Priority.LOW) == "active"
    await complete(consumer, job)
    assert await broker.operator.prioritize(job_id, Priority.LOW) == "completed"
    assert (await read(broker, job_id)).priority is Priority.NORMAL
