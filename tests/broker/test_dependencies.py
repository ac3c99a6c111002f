"""Jobs that wait for others: every policy, every shape, every order of events."""

from typing import Any

import pytest

from jobqueue.broker.broker import Broker, Consumer, Input
from jobqueue.broker.reaping import STEP
from jobqueue.errors import UnknownParent
from jobqueue.model import Outcome, RetryResult, Settled, Verdict
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
    drain,
    enqueue,
    new_job,
    prefix_of,
    read,
    settle,
    state_of,
)


def child_of(*parents: str, on_failure: Any = "fail", **fields: Any) -> NewJob:
    """A job that waits for `parents`."""
    edges = tuple(Parent(parent, on_failure) for parent in parents)
    return new_job(options=JobOptions(depends_on=edges), **fields)


async def test_a_child_starts_after_its_parent(broker: Broker, consumer: Consumer) -> None:
    """It is blocked until its parent has completed, and ready in that very step."""
    (parent,) = await enqueue(broker)
    child = child_of(parent)
    assert (await broker.enqueue(child)).state is State.BLOCKED
    (job,) = await claim(consumer, 10)
    assert job.id == parent
    await complete(consumer, job)
    assert (await claim_one(consumer)).id == child.id


@pytest.mark.parametrize("outcome", [Outcome.DEAD, Outcome.CANCELLED])
@pytest.mark.parametrize(
    ("policy", "state"),
    [
        ("fail", State.DEAD),
        ("cancel", State.CANCELLED),
        ("ignore", State.BLOCKED),
        ("continue", State.QUEUED),
    ],
)
async def test_each_policy_when_a_parent_fails(
    broker: Broker, consumer: Consumer, outcome: Outcome, policy: str, state: State
) -> None:
    """One of two parents fails: the child does what its edge says, whatever the other does."""
    failing, other = await enqueue(broker, 2)
    child = child_of(failing, other, on_failure=policy)
    await broker.enqueue(child)
    await settle(consumer, await claim(consumer), outcome, reason="x")
    job = await read(broker, child.id)
    assert job.state is state
    if state.is_final:
        assert job.reason == "parent_failed"
        assert job.failure is not None
        assert failing in job.failure.message
    await drain(consumer)
    ended = {State.BLOCKED: State.COMPLETED, State.QUEUED: State.COMPLETED}.get(state, state)
    assert await state_of(broker, child.id) is ended


@pytest.mark.parametrize(
    ("policy", "state"),
    [
        ("fail", State.DEAD),
        ("cancel", State.CANCELLED),
        ("ignore", State.QUEUED),
        ("continue", State.QUEUED),
    ],
)
async def test_a_parent_that_had_failed_before(
    broker: Broker, consumer: Consumer, policy: str, state: State
) -> None:
    """A child that comes after its parent's end fares as one that had waited."""
    (parent,) = await enqueue(broker)
    await settle(consumer, await claim(consumer), Outcome.DEAD, reason="x")
    child = child_of(parent, on_failure=policy)
    assert (await broker.enqueue(child)).state is state
    assert await broker.inputs(child.id) == {parent: Input("dead", b"")}


async def test_a_parent_that_had_completed_before(broker: Broker, consumer: Consumer) -> None:
    """A child that is stored after its parent's end is ready at once, with the result."""
    (parent,) = await enqueue(broker)
    await complete(consumer, await claim_one(consumer), b"42")
    child = child_of(parent)
    assert (await broker.enqueue(child)).state is State.QUEUED
    assert await broker.inputs(child.id) == {parent: Input("completed", b"42")}


async def test_an_unknown_parent_is_refused(broker: Broker) -> None:
    """A job cannot wait for one that never was; nothing of the call comes in."""
    with pytest.raises(UnknownParent):
        await broker.enqueue_many([new_job(), child_of(new_job().id)])
    assert await counts(broker) == {}


@pytest.mark.parametrize("priority", list(Priority))
@pytest.mark.parametrize("delay_ms", [0, 50])
async def test_a_child_keeps_its_delay_and_its_priority(
    broker: Broker, consumer: Consumer, priority: Priority, delay_ms: int
) -> None:
    """Released before its time it waits for that, and then takes its place in its own lane."""
    (parent,) = await enqueue(broker)
    child = child_of(parent, priority=priority, delay_ms=delay_ms)
    await broker.enqueue(child)
    await complete(consumer, await claim_one(consumer))
    job = (await eventually(lambda: claim(consumer)))[0]
    assert job.id == child.id
    assert (await read(broker, job.id)).priority is priority


async def test_a_chain_runs_in_order(broker: Broker, consumer: Consumer) -> None:
    """Each of ten jobs, enqueued in one call, starts after the one before it."""
    jobs = [new_job()]
    for _ in range(9):
        jobs.append(child_of(jobs[-1].id))
    await broker.enqueue_many(jobs)
    assert await drain(consumer) == [job.id for job in jobs]


async def test_a_chain_fails_to_its_end(broker: Broker, consumer: Consumer) -> None:
    """When the first of a chain dies, all that only made sense after it are dead too."""
    jobs = [new_job()]
    for _ in range(9):
        jobs.append(child_of(jobs[-1].id))
    await broker.enqueue_many(jobs)
    await settle(consumer, await claim(consumer), Outcome.DEAD, reason="x")
    await drain(consumer)
    assert await counts(broker) == {State.DEAD: 10}


async def test_a_diamond_ends_with_its_last_job(broker: Broker, consumer: Consumer) -> None:
    """The job at the end waits for both sides, and has what both made."""
    top = new_job()
    left, right = child_of(top.id), child_of(top.id)
    bottom = child_of(left.id, right.id)
    await broker.enqueue_many([top, left, right, bottom])
    assert await drain(consumer) == [top.id, left.id, right.id, bottom.id]
    assert (await broker.inputs(bottom.id)).keys() == {left.id, right.id}


@pytest.mark.parametrize("count", [3, 700])
async def test_a_call_may_name_children_before_their_parents(
    broker: Broker, consumer: Consumer, count: int
) -> None:
    """The order inside a call is the caller's own, in a small call as in a staged one."""
    parents = [new_job() for _ in range(count)]
    children = [child_of(parent.id) for parent in parents]
    accepted = await broker.enqueue_many([*children, *parents])
    assert [each.id for each in accepted] == [job.id for job in (*children, *parents)]
    assert await counts(broker) == {State.QUEUED: count, State.BLOCKED: count}
    await drain(consumer)
    assert await counts(broker) == {State.COMPLETED: 2 * count}


async def test_a_fan_in_of_a_thousand(broker: Broker, consumer: Consumer) -> None:
    """One job waits for a thousand, starts after the last, and finds all their results."""
    parents = await enqueue(broker, 1000)
    child = child_of(*parents)
    await broker.enqueue(child)
    ended = await drain(consumer, slots=200)
    assert ended[-1] == child.id
    assert (await broker.inputs(child.id)).keys() == set(parents)


async def test_a_fan_out_of_thousands_is_released_in_steps(
    broker: Broker, consumer: Consumer
) -> None:
    """A parent of 5000 holds up nobody: each call releases some, claims and reaper the rest."""
    (parent,) = await enqueue(broker)
    await broker.enqueue_many([child_of(parent) for _ in range(5000)])
    await complete(consumer, await claim_one(consumer))
    assert (await counts(broker))[State.BLOCKED] == 4900
    calls = 0
    while (await broker.reap(QUEUE, lease=15)).more:
        calls += 1
    assert 4900 // STEP <= calls <= 4900 // STEP + 2
    assert await counts(broker) == {State.QUEUED: 5000, State.COMPLETED: 1}


async def test_a_parent_is_kept_until_its_children_know(
    broker: Broker, consumer: Consumer, client: RedisClient, namespace: str
) -> None:
    """Retention does not take a result that is still to be given away, and does so later."""
    parent = new_job(options=JobOptions(retention=0))
    children = [child_of(parent.id) for _ in range(300)]
    await broker.enqueue_many([parent, *children])
    await complete(consumer, await claim_one(consumer), b'"kept"')
    for _ in range(5):
        await broker.reap(QUEUE, lease=15)
    assert await counts(broker) == {State.QUEUED: 300}
    for child in (children[0], children[-1]):
        assert await broker.inputs(child.id) == {parent.id: Input("completed", b'"kept"')}
    assert not client.exists(f"{prefix_of(namespace)}{parent.id[-26:]}:dependents")


async def test_a_parent_that_is_replayed_before_its_children_know(
    broker: Broker, consumer: Consumer
) -> None:
    """Children that have not heard of its first end wait for its second."""
    (parent,) = await enqueue(broker)
    await broker.enqueue_many([child_of(parent) for _ in range(300)])
    await settle(consumer, await claim(consumer), Outcome.DEAD, reason="x")
    assert await broker.retry(parent) is RetryResult.QUEUED
    for _ in range(3):
        await broker.reap(QUEUE, lease=15)
    assert await counts(broker) == {State.DEAD: 100, State.QUEUED: 1, State.BLOCKED: 200}
    await drain(consumer)
    assert await counts(broker) == {State.DEAD: 100, State.COMPLETED: 201}


async def test_a_cancelled_child_stays_cancelled(broker: Broker, consumer: Consumer) -> None:
    """Its parent's end does not bring it back, and a replay of it waits for nobody."""
    (parent,) = await enqueue(broker)
    child = child_of(parent)
    await broker.enqueue(child)
    await broker.cancel(child.id)
    await complete(consumer, await claim_one(consumer))
    assert await state_of(broker, child.id) is State.CANCELLED
    await broker.retry(child.id)
    assert (await claim_one(consumer)).id == child.id


async def test_a_parent_may_be_named_once_more_by_the_running_child(
    broker: Broker, consumer: Consumer
) -> None:
    """A replayed job that waits for the same parent again hears of it once, and of the others."""
    first, second = await enqueue(broker, 2, delay_ms=600_000)
    (job_id,) = await enqueue(broker)
    edges = (Parent(first), Parent(second))
    for _ in range(2):
        (job,) = await claim(consumer)
        await consumer.settle([Verdict(job.id, job.token, Outcome.WAIT, parents=edges)])
        await broker.cancel(job_id)
        await broker.retry(job_id)
    (job,) = await claim(consumer)
    await consumer.settle([Verdict(job.id, job.token, Outcome.WAIT, parents=edges)])
    await broker.operator.promote(first)
    await complete(consumer, await claim_one(consumer))
    assert await state_of(broker, job_id) is State.BLOCKED


async def test_a_job_waits_for_children_that_it_added(broker: Broker, consumer: Consumer) -> None:
    """It gives its slot back, spends no attempt, and starts again with what they made."""
    await enqueue(broker)
    job = await claim_one(consumer)
    done, later = await enqueue(broker, 2)
    await complete(consumer, await claim_one(consumer), b"1")
    edges = (Parent(done), Parent(later))
    verdict = Verdict(job.id, job.token, Outcome.WAIT, parents=edges)
    assert await consumer.settle([verdict]) == [Settled.OK]
    assert await consumer.settle([verdict]) == [Settled.DONE]
    assert await state_of(broker, job.id) is State.BLOCKED
    await complete(consumer, await claim_one(consumer), b"2")
    again = await claim_one(consumer)
    assert (again.id, again.attempt) == (job.id, job.attempt)
    assert await broker.inputs(job.id) == {
        done: Input("completed", b"1"),
        later: Input("completed", b"2"),
    }


async def test_a_wait_for_jobs_that_have_all_ended_is_none(
    broker: Broker, consumer: Consumer
) -> None:
    """The job is ready again at once, or ends where one of them failed."""
    (done,) = await enqueue(broker)
    await complete(consumer, await claim_one(consumer))
    (failed,) = await enqueue(broker)
    await settle(consumer, await claim(consumer), Outcome.DEAD, reason="x")
    await enqueue(broker)
    job = await claim_one(consumer)
    await consumer.settle([Verdict(job.id, job.token, Outcome.WAIT, parents=(Parent(done),))])
    job = await claim_one(consumer)
    await consumer.settle([Verdict(job.id, job.token, Outcome.WAIT, parents=(Parent(failed),))])
    assert (await read(broker, job.id)).reason == "parent_failed"


@pytest.mark.parametrize("waits_first", [True, False])
async def test_a_job_waits_for_one_that_ends_in_the_same_call(
    broker: Broker, consumer: Consumer, waits_first: bool
) -> None:
    """Verdicts that travel together count for each other, in any order."""
    await enqueue(broker, 2)
    waiting, child = await claim(consumer, 2)
    verdicts = [
        Verdict(waiting.id, waiting.token, Outcome.WAIT, parents=(Parent(child.id),)),
        Verdict(child.id, child.token, Outcome.COMPLETED, result=b"7"),
    ]
    await consumer.settle(verdicts if waits_first else verdicts[::-1])
    assert await state_of(broker, waiting.id) is State.QUEUED
    assert await broker.inputs(waiting.id) == {child.id: Input("completed", b"7")}
