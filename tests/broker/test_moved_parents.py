"""Jobs that wait for one which is moved: before they came, after, and in between."""

import pytest

from jobqueue.broker.arrivals import LOG_STEP
from jobqueue.broker.broker import Broker, Consumer, Input, Lease
from jobqueue.ids import new_job_id
from jobqueue.job_log import NewLines
from jobqueue.model import Outcome, Verdict
from jobqueue.state import State
from jobqueue.submission import JobOptions, NewJob, Parent

from .helpers import QUEUE, claim_one, complete, enqueue, new_job, settle, state_of
from .test_moving import OTHER, Dead
from .test_relay import passes


@pytest.fixture
async def other(broker: Broker) -> Consumer:
    """A worker's hold on the other queue."""
    return await broker.consumer(OTHER, worker_id="w2", lease=15)


def child_of(*parents: str, queue: str = QUEUE) -> NewJob:
    """A job that waits for others."""
    edges = tuple(map(Parent, parents))
    return NewJob(new_job_id(queue), "noop", b"{}", options=JobOptions(depends_on=edges))


@pytest.mark.parametrize("queue", [QUEUE, OTHER, "third"])
async def test_a_job_waits_for_a_moved_one_by_its_old_id(
    broker: Broker, other: Consumer, queue: str
) -> None:
    """From whichever queue; the result comes under the id that was given."""
    (parent,) = await enqueue(broker)
    await broker.operator.move(parent, OTHER)
    child = child_of(parent, queue=queue)
    assert (await broker.enqueue(child)).state is State.BLOCKED
    await _all_passes(broker)
    await complete(other, await claim_one(other), b"7")
    await _all_passes(broker)
    assert await state_of(broker, child.id) is State.QUEUED
    assert await broker.inputs(child.id) == {parent: Input("completed", b"7")}


async def test_a_job_waits_for_a_moved_one_that_has_ended(broker: Broker, other: Consumer) -> None:
    """It is told at once, of whatever end."""
    (parent,) = await enqueue(broker)
    await broker.operator.move(parent, OTHER)
    await settle(other, [await claim_one(other)], Outcome.DEAD, reason="x")
    child = child_of(parent)
    await broker.enqueue(child)
    await _all_passes(broker)
    assert await state_of(broker, child.id) is State.DEAD


async def test_a_parent_that_moves_on_before_it_is_asked(broker: Broker, other: Consumer) -> None:
    """The question follows it, also back to where it was."""
    (parent,) = await enqueue(broker)
    child = child_of(parent, queue="third")
    await broker.enqueue(child)
    for queue in (OTHER, QUEUE, OTHER):
        await broker.operator.move(parent, queue)
    await _all_passes(broker)
    assert await broker.operator.move(parent, "third") == "awaited"
    await complete(other, await claim_one(other), b"7")
    await _all_passes(broker)
    assert await broker.inputs(child.id) == {parent: Input("completed", b"7")}


async def test_a_parent_on_its_way_is_waited_for(
    broker: Broker, consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question overtakes the job, whose log is still being copied: it is not gone."""
    parent = NewJob(f"{QUEUE}-00{new_job().id[-24:]}", "noop", b"{}")  # too old to be coming in
    await broker.enqueue(parent)
    job = await claim_one(consumer)
    lines = NewLines(1, tuple((0, "line") for _ in range(3 * LOG_STEP)))
    await consumer.report({}, {Lease(job.id, job.token): lines})
    await settle(consumer, [job], Outcome.RETRY)
    with monkeypatch.context() as patch:
        patch.setattr(broker.operator, "_outbox", Dead())
        with pytest.raises(ConnectionError):
            await broker.operator.move(parent.id, OTHER)
    child = child_of(parent.id)
    await broker.enqueue(child)
    await _all_passes(broker)
    assert await state_of(broker, child.id) is State.BLOCKED
    other = await broker.consumer(OTHER, worker_id="w2", lease=15)
    await complete(other, await claim_one(other), b"7")
    await _all_passes(broker)
    assert await broker.inputs(child.id) == {parent.id: Input("completed", b"7")}


async def test_a_running_job_waits_for_a_moved_one(
    broker: Broker, consumer: Consumer, other: Consumer
) -> None:
    """As for any other job, and it goes on with its result."""
    (parent,) = await enqueue(broker, delay_ms=600_000)
    await broker.operator.move(parent, OTHER)
    (waiting,) = await enqueue(broker)
    job = await claim_one(consumer)
    verdict = Verdict(job.id, job.token, Outcome.WAIT, parents=(Parent(parent),))
    await consumer.settle([verdict])
    await _all_passes(broker)
    await broker.operator.promote(parent)
    await complete(other, await claim_one(other), b"7")
    await _all_passes(broker)
    assert (await claim_one(consumer)).id == waiting


async def _all_passes(broker: Broker) -> None:
    """Passes of a reaper over all three queues, until every message has arrived."""
    for _ in range(3):
        await passes(broker)
        await broker.reap("third", lease=15)
