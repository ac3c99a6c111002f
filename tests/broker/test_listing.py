"""Listing jobs page by page, counts, workers, types."""

import pytest

from jobqueue.broker.broker import Broker, Consumer
from jobqueue.errors import InvalidRequest
from jobqueue.ids import new_job_id
from jobqueue.model import Job, Outcome, PoolInfo, TypeInfo, WorkerInfo
from jobqueue.state import State
from jobqueue.submission import JobOptions, NewJob, Priority

from .helpers import QUEUE, claim, enqueue, new_job, reap_until, settle


async def all_ids(broker: Broker, state: State, limit: int, **filters: object) -> list[str]:
    """The ids of a whole listing."""
    ids: list[str] = []
    cursor = None
    while True:
        page = await broker.list_jobs(state, limit=limit, cursor=cursor, **filters)  # type: ignore[arg-type]  # of list_jobs
        ids += [job.id for job in page.jobs]
        cursor = page.cursor
        if cursor is None:
            return ids


@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_queued_jobs_are_listed_in_starting_order(broker: Broker, limit: int) -> None:
    """Next to run first: by priority, then first in first out; cancelled ones are left out."""
    normal = await enqueue(broker, 5)
    urgent = await enqueue(broker, 5, priority=Priority.CRITICAL)
    await broker.cancel(normal[2])
    listed = await all_ids(broker, State.QUEUED, limit)
    handed_off = [normal[0]]
    assert listed == [*handed_off, *urgent, normal[1], *normal[3:]]


async def test_a_listing_goes_on_where_it_was_while_jobs_start(
    broker: Broker, consumer: Consumer
) -> None:
    """Jobs that leave between two pages neither shift nor repeat the rest."""
    ids = await enqueue(broker, 10)
    first = await broker.list_jobs(State.QUEUED, limit=4)
    await claim(consumer, 2)
    second = await broker.list_jobs(State.QUEUED, limit=100, cursor=first.cursor)
    assert [job.id for job in first.jobs + second.jobs] == ids


@pytest.mark.parametrize("limit", [1, 7, 100])
async def test_running_jobs_are_listed(broker: Broker, consumer: Consumer, limit: int) -> None:
    """Every running job is found once, however small the pages are."""
    ids = await enqueue(broker, 20)
    await claim(consumer, 20)
    assert sorted(await all_ids(broker, State.ACTIVE, limit)) == ids


@pytest.mark.parametrize("limit", [1, 7, 100])
async def test_finished_jobs_are_listed_newest_first(
    broker: Broker, consumer: Consumer, limit: int
) -> None:
    """Also where many ended in the same millisecond, and over several queues."""
    await enqueue(broker, 15)
    await settle(consumer, await claim(consumer, 10), Outcome.COMPLETED, result=b"1")
    await settle(consumer, await claim(consumer, 5), Outcome.COMPLETED, result=b"1")
    other = await broker.consumer("other", worker_id="w1", lease=15)
    await broker.enqueue(NewJob(new_job_id("other"), "noop", b"1"))
    await settle(other, await claim(other), Outcome.COMPLETED, result=b"1")
    ids = await all_ids(broker, State.COMPLETED, limit)
    assert len(ids) == len(set(ids)) == 16
    jobs: list[Job | None] = [await broker.get(job_id) for job_id in ids]
    ended = [job.finished_at_ms or 0 for job in jobs if job]
    assert ended == sorted(ended, reverse=True)


async def test_scheduled_jobs_are_listed_by_due_time(broker: Broker) -> None:
    """What is due first comes first."""
    late, soon = new_job(delay_ms=90_000), new_job(delay_ms=10_000)
    await broker.enqueue_many([late, soon])
    assert await all_ids(broker, State.SCHEDULED, 1) == [soon.id, late.id]


async def test_a_job_that_came_due_is_listed_once(broker: Broker) -> None:
    """What woke a worker for a scheduled job does not list it a second time when it is queued."""
    due, promoted = new_job(delay_ms=1), NewJob(new_job_id("q2"), "noop", b"1", delay_ms=60_000)
    await broker.enqueue_many([due])
    await broker.enqueue(promoted)
    await broker.operator.promote(promoted.id)
    await reap_until(broker, due.id, State.QUEUED)
    assert await all_ids(broker, State.QUEUED, 1) == [due.id, promoted.id]


async def test_a_filter_bounds_the_work_of_a_call(broker: Broker) -> None:
    """A call that filters looks at a bounded number of jobs, even if its page stays empty."""
    await enqueue(broker, 700)
    tagged = new_job(options=JobOptions(tags=("rare",)))
    await broker.enqueue(tagged)

    def rare(job: Job) -> bool:
        return "rare" in job.options.tags

    first = await broker.list_jobs(State.QUEUED, wanted=rare)
    assert first.jobs == []
    assert first.cursor is not None
    assert await all_ids(broker, State.QUEUED, 50, wanted=rare) == [tagged.id]


async def test_a_listing_of_one_queue_leaves_others_out(broker: Broker) -> None:
    """The queue filter is exact."""
    (mine,) = await enqueue(broker)
    await broker.enqueue(NewJob(new_job_id("q2"), "noop", b"1"))
    assert await all_ids(broker, State.QUEUED, 50, queue=QUEUE) == [mine]
    assert len(await all_ids(broker, State.QUEUED, 50)) == 2


@pytest.mark.parametrize("cursor", ["", "x", "e30", "WyJkZWFkIl0", "\u00fc"])
async def test_a_broken_cursor_is_refused(broker: Broker, cursor: str) -> None:
    """A cursor that is none of this listing's is the client's mistake, not a crash."""
    await enqueue(broker)
    if cursor == "":
        assert len((await broker.list_jobs(State.QUEUED, cursor=cursor)).jobs) == 1
        return
    with pytest.raises(InvalidRequest, match="cursor"):
        await broker.list_jobs(State.QUEUED, cursor=cursor)


async def test_the_oldest_waiting_job_is_known(broker: Broker, consumer: Consumer) -> None:
    """The age that autoscaling looks at is the oldest ready job's."""
    await enqueue(broker, 2)
    (stats,) = await broker.stats()
    assert 0 <= stats.oldest_queued_seconds < 5
    await claim(consumer, 2)
    (stats,) = await broker.stats()
    assert stats.oldest_queued_seconds == 0


async def test_workers_are_listed_once(broker: Broker, consumer: Consumer) -> None:
    """A worker with pools on several queues is one worker."""
    info = WorkerInfo(
        id="w1",
        host="h",
        pid=7,
        roles=("worker",),
        version="1",
        pools=(PoolInfo(QUEUE, 2, 1, ("q-1",)), PoolInfo("other", 1, 0)),
        processed=5,
        failed=1,
        started_at_ms=1,
    )
    other = await broker.consumer("other", worker_id="w1", lease=15)
    await consumer.beat(info)
    await other.beat(info)
    (listed,) = await broker.workers()
    assert (listed.id, listed.pools, listed.processed) == ("w1", info.pools, 5)
    assert listed.last_beat_at_ms > 0
    await consumer.leave()
    await other.leave()
    assert await broker.workers() == []


async def test_published_types_are_known_to_others(broker: Broker) -> None:
    """A producer finds the types that workers run."""
    info = TypeInfo("thumbnail", "images", 30, 5, {"type": "object"})
    await broker.publish_types([info])
    assert await broker.types() == {"thumbnail": info}
