"""Moving jobs to another queue, through crashes at every step."""

import pytest

from jobqueue.broker.broker import Broker, Consumer
from jobqueue.errors import RedisFull
from jobqueue.limits import QueueLimits
from jobqueue.model import CancelResult, Outcome
from jobqueue.state import State
from jobqueue.submission import JobOptions, Parent, Priority, Unique
from tests.support.redis import RedisClient

from .helpers import (
    QUEUE,
    claim,
    claim_one,
    complete,
    counts,
    enqueue,
    new_job,
    prefix_of,
    read,
    settle,
)

OTHER = "other"


def there(job_id: str, queue: str = OTHER) -> str:
    """The id of a job after it was moved."""
    return f"{queue}-{job_id[-26:]}"


async def test_a_moved_job_runs_in_the_other_queue(broker: Broker, consumer: Consumer) -> None:
    """It is gone from the one queue, runs in the other, and its old id still finds it."""
    job = new_job(b'"payload"', priority=Priority.HIGH, options=JobOptions(tags=("a",)))
    await broker.enqueue(job)
    assert await broker.operator.move(job.id, OTHER) == "moved"
    assert await claim(consumer) == []
    other = await broker.consumer(OTHER, worker_id="w2", lease=15)
    moved = await claim_one(other)
    assert (moved.id, moved.payload, moved.options) == (there(job.id), job.payload, job.options)
    assert (await read(broker, job.id)).priority is Priority.HIGH
    await complete(other, moved, b"7")
    assert (await read(broker, job.id)).id == moved.id
    standings = await broker.standings([job.id, moved.id])
    assert [standing.result for standing in standings.values()] == [b"7", b"7"]


async def test_a_job_is_found_wherever_it_was_moved(broker: Broker) -> None:
    """Three queues and back: every id that it ever had leads to it."""
    (job_id,) = await enqueue(broker)
    route = ["one", "two", "three", QUEUE]
    where = job_id
    for queue in route:
        assert await broker.operator.move(where, queue) == "moved"
        where = there(where, queue)
    ids = [there(job_id, queue) for queue in route]
    assert {(await read(broker, each)).id for each in ids} == {job_id}
    assert (await broker.standings(ids)).keys() == set(ids)


async def test_a_forward_to_a_job_that_is_gone_ends(broker: Broker) -> None:
    """What was moved in a circle and then forgotten is not known, and nobody searches for ever."""
    (job_id,) = await enqueue(broker)
    await broker.operator.move(job_id, OTHER)
    await broker.operator.move(there(job_id), QUEUE)
    await broker.cancel(job_id)
    async for _ in broker.operator.clear(QUEUE, State.CANCELLED):
        pass
    assert await broker.get(job_id) is None
    assert await broker.standings([job_id, there(job_id)]) == {}


async def test_operators_reach_a_moved_job_by_its_old_id(broker: Broker) -> None:
    """Who knows a job by the id that it was given can call it off, wherever it is."""
    (job_id,) = await enqueue(broker)
    await broker.operator.move(job_id, OTHER)
    assert await broker.operator.prioritize(job_id, Priority.LOW) == "queued"
    assert await broker.cancel(job_id) is CancelResult.CANCELLED
    assert await broker.cancel(job_id) is CancelResult.ALREADY_FINISHED
    assert (await read(broker, there(job_id))).state is State.CANCELLED


async def test_a_delayed_job_keeps_its_time(broker: Broker) -> None:
    """It is due in the other queue when it was due in the one."""
    (job_id,) = await enqueue(broker, delay_ms=60_000)
    before = await read(broker, job_id)
    await broker.operator.move(job_id, OTHER)
    after = await read(broker, job_id)
    assert (after.state, after.run_at_ms) == (State.SCHEDULED, before.run_at_ms)


async def test_a_move_that_is_cut_in_two_is_completed(
    broker: Broker, client: RedisClient, namespace: str
) -> None:
    """The other queue takes nothing when the job has left: a reaper carries it over later, once."""
    (job_id,) = await enqueue(broker)
    client.config_set("maxmemory", 1)
    try:
        assert await broker.operator.move(job_id, OTHER) == "moved"
        with pytest.raises(RedisFull, match="on its way"):
            await broker.get(job_id)
    finally:
        client.config_set("maxmemory", 0)
    (message,) = client.zrange(f"{prefix_of(namespace)}outbox", 0, -1)
    for _ in range(2):
        client.zadd(f"{prefix_of(namespace)}outbox", {message.encode("latin-1"): 1})
        await broker.reap(QUEUE, lease=15)
    (stats,) = await broker.stats([OTHER])
    assert stats.counts[State.QUEUED] == 1
    assert await counts(broker) == {}


async def test_whoever_asks_for_a_job_on_its_way_carries_it_on(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that moved it died in between: no call says that there is no such job."""
    (job_id,) = await enqueue(broker)
    await move_and_die(broker, job_id, monkeypatch)
    assert await broker.operator.prioritize(job_id, Priority.LOW) == "queued"
    assert await broker.operator.move(job_id, OTHER) == "moved"
    assert (await read(broker, job_id)).id == there(job_id)


async def test_a_job_that_arrives_right_after_the_look_is_found(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else completes the move while the job is looked for: it is looked for again."""
    (job_id,) = await enqueue(broker)
    await move_and_die(broker, job_id, monkeypatch)
    looks = []

    async def look(queue: str, _ulid: str) -> str | None:
        looks.append(queue)
        if looks == [QUEUE, OTHER]:
            await broker.reap(QUEUE, lease=15)
        return queue if looks.count(OTHER) == 2 else None

    assert await broker.operator._forwards.follow(job_id, look) == OTHER


async def move_and_die(broker: Broker, job_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A move by a process that dies when the job has left its queue."""
    with monkeypatch.context() as patch:
        patch.setattr(broker.operator, "_outbox", Dead())
        with pytest.raises(ConnectionError):
            await broker.operator.move(job_id, OTHER)


class Dead:
    """The outbox of a process that dies before it carries anything."""

    async def relay(self, queue: str) -> bool:
        """Nothing is carried."""
        raise ConnectionError(queue)


@pytest.mark.parametrize(
    "options", [JobOptions(unique=Unique("u")), JobOptions(unique=Unique("u"), key="k")]
)
async def test_a_job_with_a_unique_key_stays(broker: Broker, options: JobOptions) -> None:
    """Its key guards one queue, so it cannot leave that."""
    job = new_job(options=options)
    await broker.enqueue(job)
    assert await broker.operator.move(job.id, OTHER) == "unique"
    assert await counts(broker) == {State.QUEUED: 1}


async def test_jobs_of_a_flow_stay(broker: Broker, consumer: Consumer) -> None:
    """Neither a parent, nor a child with what its parents made, nor one that waits, is moved."""
    (parent,) = await enqueue(broker)
    child = new_job(options=JobOptions(depends_on=(Parent(parent),)))
    await broker.enqueue(child)
    assert await broker.operator.move(parent, OTHER) == "awaited"
    assert await broker.operator.move(child.id, OTHER) == "blocked"
    await complete(consumer, await claim_one(consumer))
    assert await broker.operator.move(child.id, OTHER) == "inputs"


async def test_a_job_that_does_not_wait_is_not_moved(broker: Broker, consumer: Consumer) -> None:
    """What runs or has ended stays where it is, and so does a job that is there already."""
    (job_id,) = await enqueue(broker)
    assert await broker.operator.move(job_id, QUEUE) == "here"
    assert await broker.operator.move(new_job().id, OTHER) == "not_found"
    jobs = await claim(consumer)
    assert await broker.operator.move(job_id, OTHER) == "active"
    await settle(consumer, jobs, Outcome.DEAD, reason="x")
    assert await broker.operator.move(job_id, OTHER) == "dead"


async def test_an_idempotency_key_follows_its_job(broker: Broker) -> None:
    """A request that is sent again is answered with the job that it made, wherever that is."""
    first = new_job(digest="d", options=JobOptions(key="k"))
    await broker.enqueue(first)
    await broker.operator.move(first.id, OTHER)
    again = await broker.enqueue(new_job(digest="d", options=JobOptions(key="k")))
    assert (again.id, again.stands_for) == (first.id, "key")
    assert (await read(broker, again.id)).id == there(first.id)


async def test_a_moved_job_frees_its_tenants_room(broker: Broker) -> None:
    """It counts where it is, and a full queue takes it all the same: it was accepted before."""
    await broker.operator.set_limits(QUEUE, QueueLimits(group_size=1))
    await broker.operator.set_limits(OTHER, QueueLimits(group_size=1, size=1))
    first, second = new_job(group="red"), new_job(group="red")
    for job in (first, second):
        await broker.enqueue(job)
        assert await broker.operator.move(job.id, OTHER) == "moved"
    (stats,) = await broker.stats([OTHER])
    assert stats.counts[State.QUEUED] == 2
