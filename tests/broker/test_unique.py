"""One job of a key at a time: every mode, and the key's way through every end."""

import asyncio
from typing import Any

import pytest

from jobqueue.broker.broker import Broker, Consumer
from jobqueue.model import Outcome, RetryResult, Verdict
from jobqueue.state import State
from jobqueue.submission import Accepted, JobOptions, NewJob, Parent, Priority, Unique, UniqueMode
from tests.support.redis import RedisClient
from tests.support.wait import eventually

from .helpers import (
    QUEUE,
    claim,
    claim_one,
    complete,
    counts,
    crash,
    drain,
    enqueue,
    new_job,
    prefix_of,
    read,
    settle,
    state_of,
)

TTL = 0.03


def unique_job(
    mode: UniqueMode = UniqueMode.SIMPLE, payload: bytes = b"{}", **fields: Any
) -> NewJob:
    """A job with the unique key `u`."""
    ttl = None if mode in {UniqueMode.SIMPLE, UniqueMode.LATEST} else TTL
    options = {name: fields.pop(name) for name in ("expires_in", "depends_on") if name in fields}
    return new_job(payload, options=JobOptions(unique=Unique("u", mode, ttl), **options), **fields)


async def test_another_stands_for_a_duplicate(broker: Broker, consumer: Consumer) -> None:
    """While the first waits or runs, the second is not made, and its caller learns of the first."""
    first = unique_job()
    await broker.enqueue(first)
    assert await broker.enqueue(unique_job()) == Accepted(first.id, State.QUEUED, "unique")
    job = await claim_one(consumer)
    assert await broker.enqueue(unique_job()) == Accepted(first.id, State.ACTIVE, "unique")
    await complete(consumer, job)
    assert (await broker.enqueue(unique_job())).stands_for is None


async def test_a_resent_enqueue_is_its_own(broker: Broker) -> None:
    """The same job sent again is not a duplicate of itself."""
    job = unique_job()
    assert await broker.enqueue(job) == await broker.enqueue(job)
    assert await counts(broker) == {State.QUEUED: 1}


@pytest.mark.parametrize("count", [2, 700])
async def test_duplicates_in_one_call(broker: Broker, consumer: Consumer, count: int) -> None:
    """Of many with one key in a call the first comes in, in a small call as in a staged one."""
    jobs = [unique_job() for _ in range(count)]
    accepted = await broker.enqueue_many(jobs)
    assert accepted[0] == Accepted(jobs[0].id, State.QUEUED)
    assert set(accepted[1:]) == {Accepted(jobs[0].id, State.QUEUED, "unique")}
    assert await drain(consumer) == [jobs[0].id]


async def test_duplicates_of_concurrent_callers(broker: Broker) -> None:
    """Of many callers at once one makes the job, and all get the same id."""
    accepted = await asyncio.gather(*(broker.enqueue(unique_job()) for _ in range(50)))
    assert len({each.id for each in accepted}) == 1
    assert [each.stands_for for each in accepted].count(None) == 1


async def _complete(_broker: Broker, consumer: Consumer, _job: NewJob) -> None:
    await complete(consumer, await claim_one(consumer))


async def _die(_broker: Broker, consumer: Consumer, _job: NewJob) -> None:
    await settle(consumer, await claim(consumer), Outcome.DEAD, reason="x")


async def _cancel_queued(broker: Broker, _consumer: Consumer, job: NewJob) -> None:
    await broker.cancel(job.id)


async def _cancel_running(broker: Broker, consumer: Consumer, job: NewJob) -> None:
    jobs = await claim(consumer)
    await broker.cancel(job.id)
    await settle(consumer, jobs, Outcome.RETRY)


async def _clear(broker: Broker, _consumer: Consumer, _job: NewJob) -> None:
    async for _ in broker.operator.clear(QUEUE, State.QUEUED):
        pass


async def _crash(broker: Broker, _consumer: Consumer, _job: NewJob) -> None:
    for _ in range(3):
        await crash(broker)


async def _cancel_scheduled(broker: Broker, consumer: Consumer, job: NewJob) -> None:
    await settle(consumer, await claim(consumer), Outcome.RETRY, delay_ms=60_000)
    await broker.cancel(job.id)


ENDS = [_complete, _die, _cancel_queued, _cancel_running, _cancel_scheduled, _clear, _crash]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__.strip("_"))
@pytest.mark.parametrize("mode", [UniqueMode.SIMPLE, UniqueMode.LATEST])
async def test_every_end_frees_the_key(
    broker: Broker, consumer: Consumer, end: Any, mode: UniqueMode
) -> None:
    """However a job ends, the next one of its key comes in as a job of its own."""
    job = unique_job(mode)
    await broker.enqueue(job)
    await end(broker, consumer, job)
    assert (await read(broker, job.id)).state.is_final
    following = unique_job(mode)
    assert await broker.enqueue(following) == Accepted(following.id, State.QUEUED)


async def test_expiry_frees_the_key(broker: Broker) -> None:
    """A job that was not started in time leaves its key to the next."""
    job = unique_job(expires_in=0.01)
    await broker.enqueue(job)
    await broker.operator.pause(QUEUE)
    await eventually(lambda: _reaped_to(broker, job.id, State.CANCELLED))
    assert (await broker.enqueue(unique_job())).stands_for is None


async def _reaped_to(broker: Broker, job_id: str, state: State) -> bool:
    await broker.reap(QUEUE, lease=15)
    return await state_of(broker, job_id) is state


async def test_a_failed_parent_frees_the_key(broker: Broker, consumer: Consumer) -> None:
    """A child that dies with its parent leaves its key, whether it waited or came too late."""
    (parent,) = await enqueue(broker)
    await broker.enqueue(unique_job(depends_on=(Parent(parent),)))
    await settle(consumer, await claim(consumer), Outcome.DEAD, reason="x")
    late = unique_job(depends_on=(Parent(parent),))
    assert await broker.enqueue(late) == Accepted(late.id, State.DEAD)
    assert (await broker.enqueue(unique_job())).stands_for is None


async def test_a_crash_keeps_the_key_with_the_job(broker: Broker, consumer: Consumer) -> None:
    """While the job of a lost worker waits to run elsewhere, it still holds its key."""
    job = unique_job()
    await broker.enqueue(job)
    await crash(broker)
    assert (await broker.enqueue(unique_job())).id == job.id
    await complete(consumer, await claim_one(consumer))
    assert (await broker.enqueue(unique_job())).stands_for is None


async def test_a_dead_job_whose_key_is_held_stays_dead(broker: Broker, consumer: Consumer) -> None:
    """It cannot run beside the holder of its key; after the holder's end it can."""
    job = unique_job()
    await broker.enqueue(job)
    await settle(consumer, await claim(consumer), Outcome.DEAD, reason="x")
    await broker.enqueue(unique_job())
    assert await broker.retry(job.id) is RetryResult.DUPLICATE
    await complete(consumer, await claim_one(consumer))
    assert await broker.retry(job.id) is RetryResult.QUEUED
    assert (await broker.enqueue(unique_job())).id == job.id


async def test_of_dead_jobs_with_one_key_one_is_replayed(
    broker: Broker, consumer: Consumer
) -> None:
    """A replay of all dead letters at once does not start two of a key."""
    ids = []
    for _ in range(3):
        ids.append((await broker.enqueue(unique_job())).id)
        await settle(consumer, await claim(consumer), Outcome.DEAD, reason="x")
    answers = await broker.operator.replay(ids)
    assert answers == [RetryResult.QUEUED, RetryResult.DUPLICATE, RetryResult.DUPLICATE]
    assert await drain(consumer) == ids[:1]


async def test_throttle_lets_one_through_in_its_time(broker: Broker, consumer: Consumer) -> None:
    """Within the time the first stands for all, even when it has ended; then comes the next."""
    first = unique_job(UniqueMode.THROTTLE)
    await broker.enqueue(first)
    await complete(consumer, await claim_one(consumer))
    again = await broker.enqueue(unique_job(UniqueMode.THROTTLE))
    assert again == Accepted(first.id, State.COMPLETED, "unique")
    await eventually(lambda: _comes_in(broker, UniqueMode.THROTTLE))
    assert await counts(broker) == {State.COMPLETED: 1, State.QUEUED: 1}


async def _comes_in(broker: Broker, mode: UniqueMode) -> bool:
    return (await broker.enqueue(unique_job(mode))).stands_for is None


async def test_debounce_runs_the_last_once(broker: Broker, consumer: Consumer) -> None:
    """Each further one moves the start, and the payload that runs is the newest."""
    jobs = [unique_job(UniqueMode.DEBOUNCE, b"%d" % number) for number in range(5)]
    for job in jobs:
        accepted = await broker.enqueue(job)
        assert (accepted.id, accepted.state) == (jobs[0].id, State.SCHEDULED)
    last = (await read(broker, jobs[0].id)).run_at_ms
    assert last is not None
    (ran,) = await eventually(lambda: claim(consumer, 10))
    assert (ran.id, ran.payload) == (jobs[0].id, b"4")
    assert ((await read(broker, ran.id)).started_at_ms or 0) >= last
    while_running = unique_job(UniqueMode.DEBOUNCE)
    assert (await broker.enqueue(while_running)).id == while_running.id


async def test_debounce_takes_a_ready_job_back(broker: Broker, consumer: Consumer) -> None:
    """One whose time had come, and that nobody has started, waits again; others do not."""
    job = unique_job(UniqueMode.DEBOUNCE, b"old")
    await broker.enqueue(job)
    await broker.operator.promote(job.id)
    (other,) = await enqueue(broker)
    await broker.enqueue(unique_job(UniqueMode.DEBOUNCE, b"new"))
    assert [each.id for each in await claim(consumer, 10)] == [other]
    (ran,) = await eventually(lambda: claim(consumer, 10))
    assert (ran.id, ran.payload) == (job.id, b"new")


async def test_latest_runs_the_newest_once_after_the_running(
    broker: Broker, consumer: Consumer
) -> None:
    """While one runs, many come, and one of them runs: after it, with the newest payload."""
    first = unique_job(UniqueMode.LATEST, b"0")
    await broker.enqueue(first)
    running = await claim_one(consumer)
    jobs = [unique_job(UniqueMode.LATEST, b"%d" % number) for number in range(1, 4)]
    accepted = [await broker.enqueue(job) for job in jobs]
    assert {each.id for each in accepted} == {jobs[0].id}
    assert await claim(consumer, 10) == []
    await complete(consumer, running)
    (following,) = await claim(consumer, 10)
    assert (following.id, following.payload) == (jobs[0].id, b"3")
    await complete(consumer, following)
    assert await counts(broker) == {State.COMPLETED: 2}


async def test_latest_replaces_what_has_not_started(broker: Broker, consumer: Consumer) -> None:
    """A job that still waits takes the newer payload and keeps its place and priority."""
    first = unique_job(UniqueMode.LATEST, b"old", priority=Priority.LOW)
    await broker.enqueue(first)
    await broker.enqueue(unique_job(UniqueMode.LATEST, b"new", priority=Priority.CRITICAL))
    job = await claim_one(consumer)
    assert (job.id, job.payload) == (first.id, b"new")
    assert (await read(broker, job.id)).priority is Priority.LOW


@pytest.mark.parametrize("outcome", [Outcome.RETRY, Outcome.SNOOZE, Outcome.RETURNED])
async def test_the_follower_waits_for_the_end(
    broker: Broker, consumer: Consumer, outcome: Outcome
) -> None:
    """A failed attempt of the first is no end: the follower waits until the first is through."""
    first, second = unique_job(UniqueMode.LATEST), unique_job(UniqueMode.LATEST)
    await broker.enqueue(first)
    jobs = await claim(consumer)
    await broker.enqueue(second)
    await settle(consumer, jobs, outcome)
    assert await drain(consumer) == [first.id, second.id]


@pytest.mark.parametrize("end", [_cancel_running, _crash], ids=["cancelled", "crashed"])
async def test_the_follower_comes_after_a_bad_end(
    broker: Broker, consumer: Consumer, end: Any
) -> None:
    """When the first is called off or kills its workers, the newest still runs."""
    first, second = unique_job(UniqueMode.LATEST), unique_job(UniqueMode.LATEST)
    await broker.enqueue(first)
    await settle(consumer, await claim(consumer), Outcome.RETURNED)
    await broker.enqueue(second)
    assert await state_of(broker, second.id) is State.BLOCKED
    await end(broker, consumer, first)
    assert await drain(consumer) == [second.id]


async def test_a_cancelled_follower_leaves_the_holder_alone(
    broker: Broker, consumer: Consumer
) -> None:
    """The running job keeps the key, and the next one that comes follows it."""
    first, second, third = (unique_job(UniqueMode.LATEST) for _ in range(3))
    await broker.enqueue(first)
    running = await claim_one(consumer)
    await broker.enqueue(second)
    await broker.cancel(second.id)
    assert await broker.enqueue(third) == Accepted(third.id, State.BLOCKED)
    await complete(consumer, running)
    assert await drain(consumer) == [third.id]


async def test_clearing_holder_and_follower_frees_the_key(
    broker: Broker, consumer: Consumer, client: RedisClient, namespace: str
) -> None:
    """Both wait, one for a child and one for the key: both are cancelled, and nothing is held."""
    first, second = unique_job(UniqueMode.LATEST), unique_job(UniqueMode.LATEST)
    await broker.enqueue(first)
    running = await claim_one(consumer)
    (child,) = await enqueue(broker, delay_ms=60_000)
    await broker.enqueue(second)
    wait = Verdict(running.id, running.token, Outcome.WAIT, parents=(Parent(child),))
    await consumer.settle([wait])
    async for _ in broker.operator.clear(QUEUE, State.BLOCKED):
        pass
    assert await counts(broker) == {State.CANCELLED: 2, State.SCHEDULED: 1}
    assert not client.exists(f"{prefix_of(namespace)}unique:u")


async def test_a_running_holder_is_left_alone_by_a_debounce(
    broker: Broker, consumer: Consumer
) -> None:
    """Where callers mix modes, the job that runs stands for the other, and ends as ever."""
    first = unique_job()
    await broker.enqueue(first)
    running = await claim_one(consumer)
    accepted = await broker.enqueue(unique_job(UniqueMode.DEBOUNCE))
    assert accepted == Accepted(first.id, State.ACTIVE, "unique")
    await complete(consumer, running)
    assert await counts(broker) == {State.COMPLETED: 1}


async def test_a_key_and_a_delay(broker: Broker) -> None:
    """A delayed job holds its key from its submit on."""
    first = unique_job(delay_ms=60_000)
    await broker.enqueue(first)
    assert await broker.enqueue(unique_job()) == Accepted(first.id, State.SCHEDULED, "unique")
