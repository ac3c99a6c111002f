"""Dependencies across queues: told at least once, in any order, and done once."""

import asyncio

import pytest

from jobqueue.broker.broker import Broker, Consumer, Input
from jobqueue.ids import derived_ulid, new_job_id
from jobqueue.model import Outcome, Verdict
from jobqueue.state import State
from jobqueue.submission import JobOptions, NewJob, Parent
from tests.support.redis import RedisClient

from .helpers import (
    QUEUE,
    claim,
    claim_one,
    complete,
    enqueue,
    new_job,
    prefix_of,
    read,
    settle,
    state_of,
)

OTHER = "other"


@pytest.fixture
async def other(broker: Broker) -> Consumer:
    """A worker's hold on the other queue."""
    return await broker.consumer(OTHER, worker_id="w2", lease=15)


def job_there(*parents: Parent) -> NewJob:
    """A job of the other queue."""
    return NewJob(new_job_id(OTHER), "noop", b"{}", options=JobOptions(depends_on=parents))


async def passes(broker: Broker, count: int = 2) -> None:
    """As many passes of a reaper over both queues."""
    for _ in range(count):
        for queue in (QUEUE, OTHER):
            await broker.reap(queue, lease=15)


async def test_a_child_in_another_queue(
    broker: Broker, consumer: Consumer, other: Consumer
) -> None:
    """It waits for its parent, and has its result."""
    (parent,) = await enqueue(broker)
    child = job_there(Parent(parent))
    assert (await broker.enqueue(child)).state is State.BLOCKED
    await passes(broker)
    await complete(consumer, await claim_one(consumer), b"[42]")
    assert await claim(other) == []
    await passes(broker)
    assert (await claim_one(other)).id == child.id
    assert await broker.inputs(child.id) == {parent: Input("completed", b"[42]")}


async def test_a_parent_that_ended_before_anybody_told(
    broker: Broker, consumer: Consumer, other: Consumer
) -> None:
    """The message that somebody waits comes late: it is answered at once."""
    (parent,) = await enqueue(broker)
    await complete(consumer, await claim_one(consumer))
    child = job_there(Parent(parent))
    await broker.enqueue(child)
    await passes(broker)
    assert (await claim_one(other)).id == child.id


async def test_a_failed_parent_in_another_queue(broker: Broker, consumer: Consumer) -> None:
    """What the edge says about failure holds across queues."""
    (parent,) = await enqueue(broker)
    fails, goes_on = job_there(Parent(parent)), job_there(Parent(parent, "ignore"))
    await broker.enqueue_many([fails, goes_on])
    await passes(broker)
    await settle(consumer, await claim(consumer), Outcome.DEAD, reason="x")
    await passes(broker)
    assert await state_of(broker, fails.id) is State.DEAD
    assert await state_of(broker, goes_on.id) is State.QUEUED


async def test_a_parent_that_never_was(broker: Broker) -> None:
    """An id of long ago that the other queue does not know counts as a failed parent."""
    never = Parent(f"{QUEUE}-{derived_ulid(1_600_000_000_000, 'never')}")
    child = job_there(never)
    await broker.enqueue(child)
    await passes(broker)
    job = await read(broker, child.id)
    assert (job.state, job.reason) == (State.DEAD, "parent_failed")


async def test_a_parent_that_is_still_to_come(
    broker: Broker, consumer: Consumer, other: Consumer
) -> None:
    """A call goes from queue to queue: a child that is in first waits for its parent to come in."""
    parent = new_job()
    child = job_there(Parent(parent.id))
    await broker.enqueue(child)
    await passes(broker)
    assert await state_of(broker, child.id) is State.BLOCKED
    await broker.enqueue(parent)
    await passes(broker)
    await complete(consumer, await claim_one(consumer))
    await passes(broker)
    assert (await claim_one(other)).id == child.id


async def test_a_flow_to_and_fro(broker: Broker, consumer: Consumer, other: Consumer) -> None:
    """One call, two queues, in turns: each job starts after the one before it."""
    first = new_job()
    second = job_there(Parent(first.id))
    third = new_job(options=JobOptions(depends_on=(Parent(second.id),)))
    await broker.enqueue_many([third, second, first])
    for worker, job in ((consumer, first), (other, second), (consumer, third)):
        (running,) = await claim(worker, 5)
        assert running.id == job.id
        await complete(worker, running)
        await passes(broker)


async def test_messages_that_arrive_twice(
    broker: Broker, consumer: Consumer, client: RedisClient, namespace: str
) -> None:
    """Several reapers at once, and answers that are lost, change nothing."""
    (first,) = await enqueue(broker)
    (second,) = await enqueue(broker)
    child = job_there(Parent(first), Parent(second))
    await broker.enqueue(child)
    boxes = [f"{prefix_of(namespace, queue)}outbox" for queue in (QUEUE, OTHER)]
    seen: dict[str, set[bytes]] = {box: set() for box in boxes}
    for _ in range(2):
        for box in boxes:
            seen[box] |= {each.encode("latin-1") for each in client.zrange(box, 0, -1)}
            for message in seen[box]:
                client.zadd(box, {message: 1})
        await asyncio.gather(passes(broker, 1), passes(broker, 1))
        if await state_of(broker, first) is State.QUEUED:
            await complete(consumer, await claim_one(consumer))
    for box in boxes:
        for message in seen[box]:
            client.zadd(box, {message: 1})
    await asyncio.gather(passes(broker), passes(broker))
    assert await state_of(broker, child.id) is State.BLOCKED
    await complete(consumer, await claim_one(consumer))
    await passes(broker)
    assert await state_of(broker, child.id) is State.QUEUED
    assert [client.zcard(box) for box in boxes] == [0, 0]


async def test_a_job_waits_for_children_in_another_queue(
    broker: Broker, consumer: Consumer, other: Consumer
) -> None:
    """It gives its slot back and starts again when they have ended, there."""
    await enqueue(broker)
    running = await claim_one(consumer)
    child = job_there()
    await broker.enqueue(child)
    wait = Verdict(running.id, running.token, Outcome.WAIT, parents=(Parent(child.id),))
    await consumer.settle([wait])
    await passes(broker)
    await complete(other, await claim_one(other), b'"there"')
    await passes(broker)
    assert (await claim_one(consumer)).id == running.id
    assert await broker.inputs(running.id) == {child.id: Input("completed", b'"there"')}


async def test_a_message_that_no_queue_takes_keeps_no_other(
    broker: Broker, consumer: Consumer, client: RedisClient, namespace: str
) -> None:
    """A queue of another layout refuses what is for it; messages for others arrive."""
    (parent,) = await enqueue(broker)
    client.hset(f"{prefix_of(namespace, 'strange')}meta", "version", 999)
    (moved,) = await enqueue(broker)
    await broker.operator.move(moved, "strange")
    child = job_there(Parent(parent))
    await broker.enqueue(child)
    await broker.reap(OTHER, lease=15)
    await complete(consumer, await claim_one(consumer))
    await broker.reap(QUEUE, lease=15)
    assert await state_of(broker, child.id) is State.QUEUED
    assert client.zcard(f"{prefix_of(namespace)}outbox") == 1


async def test_a_message_for_no_job_is_dropped(
    broker: Broker, consumer: Consumer, client: RedisClient, namespace: str
) -> None:
    """What is for an id that can be no job's is given up, and messages after it arrive."""
    await broker.enqueue(new_job(options=JobOptions(depends_on=(Parent("nobody's"),))))
    (parent,) = await enqueue(broker)
    child = job_there(Parent(parent))
    await broker.enqueue(child)
    await complete(consumer, await claim_one(consumer))
    await passes(broker)
    assert await state_of(broker, child.id) is State.QUEUED
    assert client.zcard(f"{prefix_of(namespace)}outbox") == 0


async def test_children_hear_of_their_parents_out_of_memory(
    broker: Broker, consumer: Consumer, client: RedisClient
) -> None:
    """A full Redis takes no new jobs, and releases those that it has."""
    (parent,) = await enqueue(broker)
    child = job_there(Parent(parent))
    await broker.enqueue(child)
    client.config_set("maxmemory", 1)
    try:
        await complete(consumer, await claim_one(consumer))
        await passes(broker, 3)
    finally:
        client.config_set("maxmemory", 0)
    assert await state_of(broker, child.id) is State.QUEUED
