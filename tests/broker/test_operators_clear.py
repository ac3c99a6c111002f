"""Clearing each state, in bounded steps, and what it does to those who wait for the cleared."""

import pytest

from jobqueue.broker.broker import Broker, Consumer
from jobqueue.broker.consumer import MAX_CLAIM
from jobqueue.broker.operator import STEP
from jobqueue.model import Outcome
from jobqueue.state import State
from jobqueue.submission import JobOptions, Parent, Priority
from tests.support.redis import RedisClient

from .helpers import QUEUE, claim, claim_one, complete, counts, enqueue, new_job, read, settle


async def clear(broker: Broker, state: State, most_steps: int = 20) -> list[int]:
    """Clear a state; the number of jobs of each step."""
    steps: list[int] = []
    async for count in broker.operator.clear(QUEUE, state):
        steps.append(count)
        assert len(steps) <= most_steps, "it does not come to an end"
    return steps


async def test_queued_jobs_are_cancelled_in_steps(broker: Broker, consumer: Consumer) -> None:
    """All lanes and all tenants; no step is large, and nothing starts afterwards."""
    await enqueue(broker, 1200)
    await enqueue(broker, 5, priority=Priority.LOW, group="red")
    await enqueue(broker, 5, group="blue")
    kept = await enqueue(broker, 2, delay_ms=600_000)
    steps = await clear(broker, State.QUEUED)
    assert (sum(steps), max(steps)) == (1210, STEP)
    assert await counts(broker) == {State.CANCELLED: 1210, State.SCHEDULED: len(kept)}
    assert await claim(consumer, 10) == []


async def test_scheduled_jobs_are_cancelled(broker: Broker) -> None:
    """With the reason that the operator gives."""
    ids = await enqueue(broker, 3, delay_ms=600_000)
    (queued,) = await enqueue(broker)
    async for _ in broker.operator.clear(QUEUE, State.SCHEDULED, reason="wrong batch"):
        pass
    assert [(await read(broker, job_id)).reason for job_id in ids] == ["wrong batch"] * 3
    assert (await read(broker, queued)).state is State.QUEUED


async def test_blocked_jobs_are_cancelled(broker: Broker, consumer: Consumer) -> None:
    """Their parent's end finds nobody, and is none the worse for it."""
    (parent,) = await enqueue(broker)
    edges = JobOptions(depends_on=(Parent(parent),))
    await broker.enqueue_many([new_job(options=edges) for _ in range(3)])
    assert sum(await clear(broker, State.BLOCKED)) == 3
    await complete(consumer, await claim_one(consumer))
    assert await counts(broker) == {State.CANCELLED: 3, State.COMPLETED: 1}


async def test_children_hear_of_a_cleared_parent(broker: Broker) -> None:
    """A parent that is cleared has failed, for those who wait for it."""
    (parent,) = await enqueue(broker)
    child = new_job(options=JobOptions(depends_on=(Parent(parent),)))
    await broker.enqueue(child)
    await clear(broker, State.QUEUED)
    await broker.reap(QUEUE, lease=15)
    assert (await read(broker, child.id)).reason == "parent_failed"


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (State.COMPLETED, Outcome.COMPLETED),
        (State.DEAD, Outcome.DEAD),
        (State.CANCELLED, Outcome.CANCELLED),
    ],
)
async def test_what_has_ended_is_forgotten(
    broker: Broker, consumer: Consumer, client: RedisClient, state: State, outcome: Outcome
) -> None:
    """Nothing of the jobs stays, and other states are left alone."""
    ids = await enqueue(broker, 700)
    jobs = []
    while found := await claim(consumer, MAX_CLAIM):
        jobs += found
    large = b"%s" % (b"x" * 100)
    await settle(consumer, jobs, outcome, reason="x", result=large)
    await enqueue(broker, 2)
    assert sum(await clear(broker, state)) == 700
    assert await counts(broker) == {State.QUEUED: 2}
    assert list(client.scan_iter(f"*{ids[0][-26:]}*")) == []


async def test_a_result_that_is_still_to_be_given_away_stays(
    broker: Broker, consumer: Consumer
) -> None:
    """Clearing ends although nobody releases the children meanwhile; later it takes the rest."""
    (parent,) = await enqueue(broker)
    edges = JobOptions(depends_on=(Parent(parent),))
    await broker.enqueue_many([new_job(options=edges) for _ in range(300)])
    await complete(consumer, await claim_one(consumer))
    assert sum(await clear(broker, State.COMPLETED)) == 0
    while (await broker.reap(QUEUE, lease=15)).more:
        pass
    assert sum(await clear(broker, State.COMPLETED)) == 1
    assert await counts(broker) == {State.QUEUED: 300}


async def test_a_replay_of_many(broker: Broker, consumer: Consumer) -> None:
    """All dead letters run again, over more than one step, and are counted once."""
    ids = await enqueue(broker, 700)
    while jobs := await claim(consumer, MAX_CLAIM):
        await settle(consumer, jobs, Outcome.DEAD, reason="x")
    assert len(await broker.operator.replay([*ids, *ids[:5]])) == 705
    assert await counts(broker) == {State.QUEUED: 700}
