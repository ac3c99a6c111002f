"""Times of jobs: not before, not after, and how long they are kept."""

import asyncio

import pytest

from jobqueue.broker.broker import Broker, Consumer
from jobqueue.model import ClaimedJob, Outcome, Verdict
from jobqueue.state import State
from jobqueue.submission import JobOptions, NewJob, Parent, Priority
from tests.support.redis import RedisClient
from tests.support.wait import eventually

from .helpers import (
    QUEUE,
    claim,
    claim_one,
    complete,
    counts,
    crash,
    enqueue,
    new_job,
    prefix_of,
    read,
    settle,
    state_of,
)

SOON = 0.02


def expiring(**fields: object) -> NewJob:
    """A job that must start soon."""
    parents = fields.pop("depends_on", ())
    options = JobOptions(expires_in=SOON, depends_on=parents)  # type: ignore[arg-type]  # given by tests
    return new_job(options=options, **fields)  # type: ignore[arg-type]  # given by tests


async def ended(broker: Broker, job_id: str) -> bool:
    """Whether a job has ended after a pass of the reaper."""
    await broker.reap(QUEUE, lease=15)
    return (await read(broker, job_id)).state.is_final


async def expires(broker: Broker, job_id: str) -> None:
    """The job ends as one that was not started in time."""
    await eventually(lambda: ended(broker, job_id))
    job = await read(broker, job_id)
    assert (job.state, job.reason) == (State.CANCELLED, "expired")
    assert (await counts(broker)).get(State.CANCELLED) == 1


async def test_a_queued_job_expires(broker: Broker) -> None:
    """Nobody came for it in time."""
    job = expiring()
    await broker.enqueue(job)
    await expires(broker, job.id)


async def test_a_job_expires_once(broker: Broker, consumer: Consumer) -> None:
    """However often its priority was changed before, it is counted as one job that has ended."""
    await broker.operator.pause(QUEUE)
    job = expiring(group="red")
    await broker.enqueue(job)
    for priority in (Priority.HIGH, Priority.NORMAL) * 2:
        await broker.operator.prioritize(job.id, priority)
    await enqueue(broker, group="red")
    await asyncio.sleep(SOON)
    await broker.operator.resume(QUEUE)
    assert len(await claim(consumer, 10)) == 1
    assert await counts(broker) == {State.CANCELLED: 1, State.ACTIVE: 1}


async def test_a_claim_takes_no_expired_job(broker: Broker, consumer: Consumer) -> None:
    """Also without a reaper: the worker that meets it ends it, and starts the next."""
    job = expiring()
    await broker.enqueue(job)
    (live,) = await enqueue(broker)
    await eventually(lambda: _waited(broker, SOON))
    assert [each.id for each in await claim(consumer, 5)] == [live]
    assert (await read(broker, job.id)).reason == "expired"


async def _waited(broker: Broker, seconds: float) -> bool:
    (stats,) = await broker.stats([QUEUE])
    return stats.oldest_queued_seconds > seconds + 0.005


async def test_a_scheduled_job_expires(broker: Broker) -> None:
    """One whose time comes after its end never starts."""
    job = expiring(delay_ms=600_000)
    await broker.enqueue(job)
    await expires(broker, job.id)


async def test_a_blocked_job_expires(broker: Broker, consumer: Consumer) -> None:
    """Its parent took too long, and its end does not bring the child back."""
    (parent,) = await enqueue(broker)
    running = await claim_one(consumer)
    job = expiring(depends_on=(Parent(parent),))
    await broker.enqueue(job)
    await expires(broker, job.id)
    await complete(consumer, running)
    assert await state_of(broker, job.id) is State.CANCELLED


async def test_a_job_that_ends_as_it_comes_in_is_not_to_expire(
    broker: Broker, client: RedisClient, namespace: str
) -> None:
    """One whose parent was cancelled before is dead at once, and nothing looks at it later."""
    (parent,) = await enqueue(broker)
    await broker.cancel(parent)
    job = expiring(depends_on=(Parent(parent),))
    assert (await broker.enqueue(job)).state is State.DEAD
    assert client.zcard(f"{prefix_of(namespace)}expiring") == 0


async def test_a_job_in_an_inbox_expires(broker: Broker, consumer: Consumer) -> None:
    """Delivered is not started: its worker drops it when it comes."""
    job = expiring()
    await broker.enqueue(job)
    await consumer.wait(1)
    await expires(broker, job.id)
    assert await claim(consumer) == []


async def test_a_job_of_a_paused_queue_expires(broker: Broker) -> None:
    """A pause stops no clock."""
    await broker.operator.pause(QUEUE)
    job = expiring()
    await broker.enqueue(job)
    await expires(broker, job.id)


@pytest.mark.parametrize("outcome", [Outcome.RETRY, Outcome.SNOOZE, Outcome.RETURNED])
async def test_a_job_that_was_started_never_expires(
    broker: Broker, consumer: Consumer, client: RedisClient, namespace: str, outcome: Outcome
) -> None:
    """Retried, snoozed or handed back after its time: it was started in time once."""
    job = expiring()
    await broker.enqueue(job)
    await settle(consumer, await claim(consumer), outcome, delay_ms=40)
    assert client.zcard(f"{prefix_of(namespace)}expiring") == 0
    (again,) = await eventually(lambda: _claimed_after_a_pass(broker, consumer))
    assert again.id == job.id


async def _claimed_after_a_pass(broker: Broker, consumer: Consumer) -> list[ClaimedJob]:
    await broker.reap(QUEUE, lease=15)
    return await claim(consumer)


async def test_a_job_of_a_lost_worker_never_expires(broker: Broker, consumer: Consumer) -> None:
    """It was started, and runs elsewhere however late."""
    job = expiring()
    await broker.enqueue(job)
    await crash(broker)
    await eventually(lambda: _waited(broker, SOON))
    assert (await claim_one(consumer)).id == job.id


async def test_a_job_that_waits_for_children_never_expires(
    broker: Broker, consumer: Consumer
) -> None:
    """Blocked in the middle of its work it has started all the same."""
    job = expiring()
    await broker.enqueue(job)
    running = await claim_one(consumer)
    (child,) = await enqueue(broker, delay_ms=40)
    wait = Verdict(running.id, running.token, Outcome.WAIT, parents=(Parent(child),))
    await consumer.settle([wait])
    (started,) = await eventually(lambda: claim(consumer))
    await complete(consumer, started)
    assert (await claim_one(consumer)).id == job.id


@pytest.mark.parametrize("delay_ms", [1, 5, 50])
async def test_a_delay_is_kept_to_the_millisecond(
    broker: Broker, consumer: Consumer, delay_ms: int
) -> None:
    """It is never early, and due exactly that long after Redis took it."""
    (job_id,) = await enqueue(broker, delay_ms=delay_ms)
    due = (await read(broker, job_id)).run_at_ms or 0
    await eventually(lambda: claim(consumer))
    job = await read(broker, job_id)
    assert (job.started_at_ms or 0) >= due
    assert job.created_at_ms + delay_ms - 5 <= due


@pytest.mark.parametrize(("retention", "kept"), [(0, False), (1000 * 86_400, True)])
async def test_a_job_may_be_kept_otherwise_than_its_queues(
    broker: Broker, consumer: Consumer, client: RedisClient, retention: float, kept: bool
) -> None:
    """One is forgotten at the next pass, another outlives the queue's own time."""
    own = new_job(options=JobOptions(retention=retention))
    await broker.enqueue(own)
    await complete(consumer, await claim_one(consumer))
    (usual,) = await enqueue(broker)
    await complete(consumer, await claim_one(consumer))
    assert (await read(broker, own.id)).result == b"1"
    key = next(client.scan_iter("*:completed"))
    for member, score in client.zrange(key, 0, -1, withscores=True):
        client.zadd(key, {member: score - (2 * 86_400_000 if kept else 0)})  # two days later
    await broker.reap(QUEUE, lease=15)
    assert (await broker.get(own.id) is not None) is kept
    assert (await broker.get(usual) is None) is kept
