"""A queue in partitions, as programs see it: as one queue."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from jobqueue import (
    GroupLimits,
    InvalidRequest,
    JobHandle,
    JobNotFound,
    QueueLimited,
    QueueLimits,
    QueuePartitioned,
    Rate,
    State,
)
from jobqueue.app.listing import JobFilter
from jobqueue.ids import partition_names, split_job_id
from jobqueue.model import Failure, Outcome, Verdict
from tests.broker.invariants import violations
from tests.support.wait import eventually

from .test_app_queue import Rig, rig_on

QUEUE = "default"
PARTITIONS = partition_names(QUEUE, 4)


@pytest.fixture
async def rig(redis_url: str, namespace: str) -> AsyncIterator[Rig]:
    """A JobQueue whose queue has four partitions; what they leave must hold together."""
    async with rig_on(redis_url, namespace) as rig:
        await rig.app.set_partitions(QUEUE, len(PARTITIONS))
        yield rig
    with redis.Redis.from_url(redis_url, decode_responses=True, encoding="latin-1") as client:
        for name in PARTITIONS:
            assert violations(client, f"{namespace}:{{{name}}}:") == []


def place(handle: JobHandle) -> str:
    """The partition of a job."""
    names = split_job_id(handle.id)
    assert names
    return names[0]


async def one_in_each(rig: Rig, **fields: Any) -> list[JobHandle]:
    """A job in each partition."""
    handles = [await rig.app.enqueue("echo", 1, **fields) for _ in PARTITIONS]
    assert {place(handle) for handle in handles} == set(PARTITIONS)
    return sorted(handles, key=place)


async def kill_all(rig: Rig, reason: str = "broken") -> None:
    """Let whatever waits die."""
    for name in PARTITIONS:
        consumer = await rig.broker.consumer(name, worker_id="w", lease=15)
        jobs = (await consumer.claim(100)).jobs
        failure = Failure("Boom", "it broke", attempt=1)
        await consumer.settle(
            [
                Verdict(job.id, job.token, Outcome.DEAD, failure=failure, reason=reason)
                for job in jobs
            ]
        )
        await consumer.leave()


async def counts(rig: Rig) -> dict[State, int]:
    """How many jobs of the queue are in each state that has any."""
    (stats,) = await rig.broker.stats([QUEUE])
    return {state: count for state, count in stats.counts.items() if count}


async def test_jobs_take_turns(rig: Rig) -> None:
    """Plain jobs, delayed ones too, go to all partitions alike, and are of the one queue."""
    handles = [await rig.app.enqueue("echo", number) for number in range(20)]
    assert Counter(map(place, handles)) == dict.fromkeys(PARTITIONS, 5)
    delayed = [await rig.app.enqueue("echo", 1, delay=60) for _ in range(4)]
    assert {place(handle) for handle in delayed} == set(PARTITIONS)
    assert {(await handle.get()).queue for handle in [*handles, *delayed]} == {QUEUE}
    assert await rig.broker.queues() == [QUEUE]


async def test_concurrent_jobs_take_turns(rig: Rig) -> None:
    """Submits of one moment are spread too."""
    handles = await asyncio.gather(*(rig.app.enqueue("echo", number) for number in range(40)))
    assert Counter(map(place, handles)) == dict.fromkeys(PARTITIONS, 10)


@pytest.mark.parametrize("count", [3, 1_200])
async def test_a_bulk_stays_together(rig: Rig, count: int) -> None:
    """All jobs of a bulk go to one partition, in their order; bulks take turns."""
    bulks = [
        await rig.app.enqueue_many({"type": "echo", "payload": number} for number in range(count))
        for _ in PARTITIONS
    ]
    places = [{place(handle) for handle in bulk} for bulk in bulks]
    assert {*map(frozenset, places)} == {frozenset({name}) for name in PARTITIONS}
    for bulk in bulks:
        consumer = await rig.broker.consumer(place(bulk[0]), worker_id="w", lease=15)
        jobs = (await consumer.claim(3)).jobs
        assert [job.id for job in jobs] == [handle.id for handle in bulk[:3]]
    assert sum((await counts(rig)).values()) == count * len(PARTITIONS)


@pytest.mark.parametrize("field", ["key", "unique_key", "tenant", "depends_on"])
async def test_what_is_held_against_others_is_with_them(rig: Rig, field: str) -> None:
    """A job with a key, a tenant or a job to wait for is where those others are."""
    parent = await rig.app.enqueue("echo", 1, queue="other")
    value: Any = [parent.id] if field == "depends_on" else "a"
    handles = [await rig.app.enqueue("echo", 1, **{field: value}) for _ in range(4)]
    assert {place(handle) for handle in handles} == {QUEUE}
    assert len({handle.id for handle in handles}) == (1 if field.endswith("key") else 4)
    value = value if field == "depends_on" else "b"
    bulk = [{"type": "echo", "payload": 1}, {"type": "echo", "payload": 1, field: value}]
    assert {place(handle) for handle in await rig.app.enqueue_many(bulk)} == {QUEUE}


async def test_a_job_waits_for_one_of_any_partition(rig: Rig) -> None:
    """Parents are found wherever they are."""
    parents = await one_in_each(rig)
    child = await rig.app.enqueue("echo", 1, depends_on=[parent.id for parent in parents])
    assert (await child.get()).state is State.BLOCKED
    for name in PARTITIONS:
        await rig.finish(Outcome.COMPLETED, queue=name, result=b"1")
        for each in PARTITIONS:
            await rig.broker.reap(each, lease=15)
    assert (await child.get()).state is State.QUEUED


async def test_other_queues_are_left_alone(rig: Rig) -> None:
    """Jobs of a queue that is whole stay in it, also beside those of one that is not."""
    bulk = [{"type": "echo", "payload": 1}, {"type": "echo", "payload": 1, "queue": "other"}]
    for _ in range(4):
        assert place((await rig.app.enqueue_many(bulk))[1]) == "other"
    assert await rig.app.partitions("other") == 1


async def test_producers_hear_of_partitions(redis_url: str, namespace: str) -> None:
    """A queue that is split while programs enqueue is spread by all of them within seconds."""
    async with rig_on(redis_url, namespace) as one, rig_on(redis_url, namespace) as two:
        assert place(await two.app.enqueue("echo", 1)) == QUEUE
        await one.app.set_partitions(QUEUE, 2)

        async def is_spread() -> bool:
            return place(await two.app.enqueue("echo", 1)) != QUEUE

        await eventually(is_spread, within=6)


async def test_whole_queues_cost_producers_nothing(redis_url: str, namespace: str) -> None:
    """Where no queue is split, jobs are enqueued without any further command."""
    async with rig_on(redis_url, namespace) as rig:
        await rig.app.enqueue("echo", 1)
        with redis.Redis.from_url(redis_url) as client:
            before = client.info("commandstats").get("cmdstat_hgetall", {}).get("calls", 0)
            for number in range(100):
                await rig.app.enqueue("echo", number)
            after = client.info("commandstats").get("cmdstat_hgetall", {}).get("calls", 0)
    assert after - before <= 2  # once in two seconds


async def test_all_jobs_are_listed(rig: Rig) -> None:
    """Pages of a listing lead through all partitions, with a filter or without."""
    handles = [await rig.app.enqueue("echo", number, tags=["x"]) for number in range(10)]
    await rig.app.enqueue("echo", 1, queue="other")
    jobs = rig.app._opened()
    for wanted in (
        JobFilter(queue=QUEUE),
        JobFilter(queue=QUEUE, state=State.QUEUED),
        JobFilter(queue=QUEUE, tag="x"),
        JobFilter(tag="x", state=State.QUEUED),
    ):
        found: list[str] = []
        cursor: str | None = None
        while True:
            page = await jobs.list_jobs(wanted, limit=3, cursor=cursor)
            found += [job.id for job in page.jobs]
            cursor = page.cursor
            if cursor is None:
                break
        assert sorted(found) == sorted(handle.id for handle in handles)
    assert (await jobs.list_jobs(JobFilter(queue=PARTITIONS[1]), limit=3, cursor=None)).jobs == []


async def test_ended_jobs_are_listed_together(rig: Rig) -> None:
    """What has ended is listed newest first, whichever partition it was in."""
    handles = await one_in_each(rig)
    for name in (*PARTITIONS[::2], *PARTITIONS[1::2]):
        await rig.finish(Outcome.COMPLETED, queue=name, result=b"1")
        await asyncio.sleep(0.002)
    page = await rig.app._opened().list_jobs(
        JobFilter(queue=QUEUE, state=State.COMPLETED), limit=9, cursor=None
    )
    order = [handles[3].id, handles[1].id, handles[2].id, handles[0].id]
    assert [job.id for job in page.jobs] == order
    assert await handles[2].result(timeout=1) == 1


async def test_pause_and_resume_are_of_all_partitions(rig: Rig) -> None:
    """A paused queue starts nothing in any partition, in one that it gets later neither."""
    await one_in_each(rig)
    await rig.app.pause(QUEUE)
    (stats,) = await rig.broker.stats([QUEUE])
    assert stats.paused
    await rig.app.set_partitions(QUEUE, 6)
    later = [await rig.broker.consumer(name, worker_id="w", lease=15) for name in PARTITIONS]
    newest = await rig.broker.consumer(f"{QUEUE}.5", worker_id="w", lease=15)
    new = [await rig.app.enqueue("echo", 1) for _ in range(6)]
    assert f"{QUEUE}.5" in map(place, new)
    for consumer in (*later, newest):
        assert (await consumer.claim(5)).jobs == []
    await rig.app.resume(QUEUE)
    for consumer in (*later, newest):
        assert (await consumer.claim(5)).jobs


async def test_operators_empty_all_partitions(rig: Rig) -> None:
    """Drain and clear are of the whole queue, and count all its jobs."""
    await one_in_each(rig)
    await one_in_each(rig, delay=60)
    assert await rig.app.drain(QUEUE) == 4
    assert await rig.app.drain(QUEUE, delayed=True) == 4
    assert await counts(rig) == {State.CANCELLED: 8}
    assert await rig.app.clear(QUEUE, State.CANCELLED) == 8
    assert await counts(rig) == {}


async def test_dead_letters_of_all_partitions(rig: Rig) -> None:
    """Dead jobs are replayed and purged by id and by filter, wherever they died."""
    handles = await one_in_each(rig)
    await kill_all(rig)
    assert await rig.app.replay_dead(queue=QUEUE, dry_run=True) == 4
    assert await rig.app.replay_dead([handle.id for handle in handles]) == 4
    await kill_all(rig, "worse")
    assert await rig.app.replay_dead(queue=QUEUE, reason="worse") == 4
    await kill_all(rig)
    assert await rig.app.purge_dead([handles[2].id]) == 1
    assert await rig.app.purge_dead(queue=QUEUE) == 3
    assert await counts(rig) == {}


async def test_jobs_are_changed_where_they_are(rig: Rig) -> None:
    """What operators do to one job finds it in any partition."""
    for handle in await one_in_each(rig, delay=60):
        assert (await handle.prioritize("high")).queue == QUEUE
        await handle.reschedule(datetime.now(UTC) + timedelta(hours=1))
        assert (await handle.promote()).state is State.QUEUED
        assert (await handle.cancel()).state is State.CANCELLED
        assert (await handle.retry()).state is State.QUEUED
        with pytest.raises(InvalidRequest):
            await handle.move(QUEUE)


async def test_jobs_are_moved_in_and_out(rig: Rig) -> None:
    """A job leaves any partition, is found by its old id, and comes back to the first."""
    for handle in await one_in_each(rig):
        moved = await handle.move("other")
        job = await handle.get()
        assert (job.queue, job.id) == ("other", moved.id)
        back = await moved.move(QUEUE)
        assert place(back) == (await back.get()).queue == QUEUE
        with pytest.raises(JobNotFound):
            await rig.app.handle(f"{PARTITIONS[1]}-{'0' * 26}").get()


async def test_fewer_partitions_leave_jobs_where_they_are(rig: Rig) -> None:
    """Making a queue smaller stops new jobs only: those that are there are seen and can run."""
    handles = await one_in_each(rig)
    await rig.app.set_partitions(QUEUE, 2)
    assert await rig.app.partitions(QUEUE) == 2
    new = [await rig.app.enqueue("echo", 1) for _ in range(4)]
    assert {place(handle) for handle in new} == set(PARTITIONS[:2])
    assert await counts(rig) == {State.QUEUED: 8}
    assert (await handles[3].get()).queue == QUEUE


@pytest.mark.parametrize(
    "limits",
    [
        QueueLimits(concurrency=1),
        QueueLimits(rate=Rate(1, 1.0)),
        QueueLimits(size=0),
        QueueLimits(starvation_after=1.0),
    ],
)
async def test_limits_and_partitions_exclude_each_other(rig: Rig, limits: QueueLimits) -> None:
    """What cannot be held is refused: limits of a split queue, partitions of a limited one."""
    with pytest.raises(QueuePartitioned, match="4 partitions"):
        await rig.app.set_limits(QUEUE, limits)
    assert (await rig.app.limits(QUEUE)).queue == QueueLimits()
    await rig.app.set_limits("other", limits)
    with pytest.raises(QueueLimited, match="lift them first"):
        await rig.app.set_partitions("other", 2)
    assert await rig.app.partitions("other") == 1
    await rig.app.set_limits("other", QueueLimits())
    await rig.app.set_partitions("other", 2)


async def test_limits_wait_for_jobs_of_former_partitions(rig: Rig) -> None:
    """A queue that is whole again may have limits once its other partitions are empty."""
    await one_in_each(rig)
    await rig.app.set_partitions(QUEUE, 1)
    with pytest.raises(QueuePartitioned, match="3 jobs"):
        await rig.app.set_limits(QUEUE, QueueLimits(concurrency=1))
    await rig.app.drain(QUEUE)
    await rig.app.set_limits(QUEUE, QueueLimits(concurrency=1))
    assert (await rig.app.limits(QUEUE)).queue.concurrency == 1


async def test_limits_of_tenants_are_held(rig: Rig) -> None:
    """All jobs with a tenant are in one place, and so a split queue may limit them."""
    limits = QueueLimits(group_concurrency=1)
    await rig.app.set_limits(QUEUE, limits, groups={"a": GroupLimits(weight=2)})
    found = await rig.app.limits(QUEUE)
    assert (found.queue, found.groups["a"].weight) == (limits, 2)
    for _ in range(6):
        await rig.app.enqueue("echo", 1, tenant="a")
    started = 0
    for name in PARTITIONS:
        consumer = await rig.broker.consumer(name, worker_id="w", lease=15)
        started += len((await consumer.claim(6)).jobs)
    assert started == 1


async def test_of_two_operators_at_once_one_is_refused(rig: Rig) -> None:
    """Whoever splits a queue while another limits it: never do both stand."""
    for number in range(20):
        name = f"q{number}"
        ends = await asyncio.gather(
            rig.app.set_limits(name, QueueLimits(concurrency=1)),
            rig.app.set_partitions(name, 2),
            return_exceptions=True,
        )
        assert any(isinstance(end, QueueLimited | QueuePartitioned) for end in ends)
        limited = (await rig.app.limits(name)).queue.concurrency is not None
        assert not (limited and await rig.app.partitions(name) > 1)


@pytest.mark.parametrize("count", [0, -1, 65])
async def test_wrong_numbers_are_refused(rig: Rig, count: int) -> None:
    """A queue has 1 to 64 partitions."""
    with pytest.raises(InvalidRequest):
        await rig.app.set_partitions(QUEUE, count)
    assert await rig.app.partitions(QUEUE) == 4


async def test_partitions_have_no_name_for_users(rig: Rig) -> None:
    """Nobody submits to, or operates on, a partition."""
    with pytest.raises(InvalidRequest):
        await rig.app.enqueue("echo", 1, queue=PARTITIONS[1])
    with pytest.raises(InvalidRequest):
        await rig.app.set_partitions(PARTITIONS[1], 2)
    with pytest.raises(InvalidRequest):
        await rig.app.pause(PARTITIONS[1])
    with pytest.raises(InvalidRequest):
        await rig.app.drain(PARTITIONS[1])
