"""What a program can do as an operator: queues, limits, jobs that wait, dead letters."""

import asyncio
import math
from collections.abc import AsyncIterator, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobqueue import (
    AlreadyStarted,
    GroupLimits,
    InvalidRequest,
    JobHandle,
    JobNotFound,
    NotMovable,
    Priority,
    QueueLimits,
    Rate,
    State,
    StillBlocked,
)
from jobqueue.app.listing import JobFilter
from jobqueue.broker.operator import STEP
from jobqueue.model import Failure, Outcome, Verdict
from tests.support.wait import eventually

from .test_app_queue import Rig, rig_on


@pytest.fixture
async def rig(redis_url: str, namespace: str) -> AsyncIterator[Rig]:
    """A JobQueue on the tests' Redis."""
    async with rig_on(redis_url, namespace) as rig:
        yield rig


async def counts(rig: Rig, queue: str = "default") -> dict[State, int]:
    """How many jobs of a queue are in each state that has any."""
    (stats,) = await rig.broker.stats([queue])
    return {state: count for state, count in stats.counts.items() if count}


async def die(rig: Rig, payload: object = 1, *, reason: str = "broken", **fields: Any) -> JobHandle:
    """A dead job."""
    handle = await rig.app.enqueue("echo", payload, **fields)
    failure = Failure("Boom", "it broke", attempt=1)
    await rig.finish(Outcome.DEAD, queue="default", reason=reason, failure=failure)
    return handle


async def kill_many(rig: Rig, count: int) -> None:
    """Make so many dead jobs."""
    await rig.app.enqueue_many({"type": "echo", "payload": number} for number in range(count))
    consumer = await rig.broker.consumer("default", worker_id="w", lease=15)
    failure = Failure("Boom", "it broke", attempt=1)
    dead = 0
    while dead < count:
        jobs = (await consumer.claim(count)).jobs
        dead += len(jobs)
        await consumer.settle(
            [Verdict(job.id, job.token, Outcome.DEAD, failure=failure, reason="x") for job in jobs]
        )


async def test_a_paused_queue_starts_nothing(rig: Rig) -> None:
    """Jobs come in and wait until the queue is resumed."""
    await rig.app.enqueue("echo", 1)
    await rig.app.pause("default")
    consumer = await rig.broker.consumer("default", worker_id="w", lease=15)
    assert (await consumer.claim(1)).jobs == []
    (stats,) = await rig.broker.stats(["default"])
    assert stats.paused
    await rig.app.resume("default")
    assert len((await consumer.claim(1)).jobs) == 1


async def test_drain_cancels_what_waits(rig: Rig) -> None:
    """What is queued is cancelled, with that reason; what is delayed only where it is asked for."""
    queued = [await rig.app.enqueue("echo", number) for number in range(3)]
    await rig.app.enqueue("echo", 4, delay=60)
    assert await rig.app.drain("default") == 3
    assert (await queued[0].get()).reason == "drained"
    assert await counts(rig) == {State.CANCELLED: 3, State.SCHEDULED: 1}
    assert await rig.app.drain("default", delayed=True) == 1
    assert await counts(rig) == {State.CANCELLED: 4}


async def test_clear_empties_a_state(rig: Rig) -> None:
    """What has ended is forgotten; running jobs cannot be cleared."""
    dead = await die(rig)
    await rig.app.enqueue("echo", 1)
    assert await rig.app.clear("default", State.DEAD) == 1
    with pytest.raises(JobNotFound):
        await dead.get()
    assert await counts(rig) == {State.QUEUED: 1}
    with pytest.raises(InvalidRequest):
        await rig.app.clear("default", State.ACTIVE)
    with pytest.raises(InvalidRequest):
        await rig.app.clear("No Queue", State.DEAD)


async def test_limits_are_kept(rig: Rig) -> None:
    """A queue has the limits that it was given, its groups their own, until they are lifted."""
    limits = QueueLimits(concurrency=5, rate=Rate(10, 1.5), size=7, starvation_after=60)
    await rig.app.set_limits("default", limits, groups={"a": GroupLimits(weight=3, size=2)})
    await rig.app.set_group_limits("default", "b", GroupLimits(paused=True))
    kept = await rig.app.limits("default")
    assert kept.queue == limits
    assert kept.groups == {"a": GroupLimits(weight=3, size=2), "b": GroupLimits(paused=True)}
    await rig.app.set_limits("default", QueueLimits())
    assert (await rig.app.limits("default")).queue == QueueLimits()
    assert len((await rig.app.limits("default")).groups) == 2
    await rig.app.set_limits("default", QueueLimits(), groups={})
    assert (await rig.app.limits("default")).groups == {}


@pytest.mark.parametrize(
    ("limits", "path"),
    [
        (QueueLimits(concurrency=0), "/concurrency"),
        (QueueLimits(size=-1), "/size"),
        (QueueLimits(rate=Rate(1, 0)), "/rate/period"),
        (QueueLimits(group_rate=Rate(0, 1)), "/group_rate/count"),
    ],
)
async def test_a_limit_that_is_none_is_refused(rig: Rig, limits: QueueLimits, path: str) -> None:
    """A limit under which nothing could ever run is a mistake, and is named."""
    with pytest.raises(InvalidRequest) as caught:
        await rig.app.set_limits("default", limits)
    assert [error.path for error in caught.value.errors] == [path]


async def test_a_wrong_limit_of_a_group_is_named(rig: Rig) -> None:
    """Which field of a group's limits is wrong is in the message."""
    with pytest.raises(InvalidRequest) as caught:
        await rig.app.set_group_limits("default", "a", GroupLimits(weight=0))
    assert [(error.path, error.message) for error in caught.value.errors] == [
        ("/groups", "expected an integer >= 1, in weight of one of them")
    ]


async def test_a_time_long_ago_means_now(rig: Rig) -> None:
    """A job that is put at a time before all computers can start, and be read."""
    handle = await rig.app.enqueue("echo", 1, delay=60)
    await handle.reschedule(datetime.min.replace(tzinfo=UTC))
    assert (await handle.get()).run_at_ms == 0
    await rig.finish(Outcome.COMPLETED, queue="default", result=b"1")
    assert (await handle.get()).state is State.COMPLETED


async def test_wrong_words_of_operators_are_named(rig: Rig) -> None:
    """A state, age, id, queue or time that is none is refused before anything is changed."""
    app = rig.app
    handle = await app.enqueue("echo", 1, delay=60)
    far = datetime.max.replace(tzinfo=UTC)
    wrong: list[tuple[Coroutine[Any, Any, object], str]] = [
        (app.clear("default", "failed"), "/state"),  # type: ignore[arg-type]
        (app.clear("default", "active"), "/state"),  # type: ignore[arg-type]
        (app.pause(None), "/queue"),  # type: ignore[arg-type]
        (app.purge_dead(older_than=math.nan), "/older_than"),
        (app.replay_dead(older_than=-1), "/older_than"),
        (app.purge_dead(handle.id), "/job_ids"),
        (handle.reschedule(far), "/run_at"),
        (handle.reschedule("soon"), "/run_at"),  # type: ignore[arg-type]
        (app.set_limits("default", QueueLimits(rate=Rate(1, 1e-6))), "/rate/period"),
        (app.set_group_limits("default", "\ud800", GroupLimits(size=1)), "/groups"),
    ]
    for call, path in wrong:
        with pytest.raises(InvalidRequest) as caught:
            await call
        assert [error.path for error in caught.value.errors] == [path]


async def test_changes_a_job_that_waits(rig: Rig) -> None:
    """A delayed job can be promoted, put off, and given another priority."""
    handle = await rig.app.enqueue("echo", 1, delay=60)
    assert (await handle.prioritize("high")).priority is Priority.HIGH
    assert (await handle.promote()).state is State.QUEUED
    at = datetime.now(UTC) + timedelta(hours=1)
    job = await handle.reschedule(at)
    assert (job.state, job.run_at_ms) == (State.SCHEDULED, round(at.timestamp() * 1000))
    with pytest.raises(InvalidRequest):
        await handle.prioritize("urgent")
    with pytest.raises(InvalidRequest):
        await handle.reschedule(datetime.now())  # noqa: DTZ005 - the mistake itself


async def test_moves_a_job_to_another_queue(rig: Rig) -> None:
    """It runs there under another id, and its result is that of the handle that came back."""
    handle = await rig.app.enqueue("echo", {"a": 1})
    moved = await handle.move("other")
    assert moved.id == f"other-{handle.id[-26:]}"
    await rig.finish(Outcome.COMPLETED, queue="other", result=b"7")
    assert await moved.result(timeout=10) == 7
    with pytest.raises(InvalidRequest):
        await moved.move("other")
    assert await handle.result(timeout=10) == 7
    held = await rig.app.enqueue("echo", 1, unique_key="k")
    with pytest.raises(NotMovable, match=r"unique key.* cancel it and submit it"):
        await held.move("other")
    await held.cancel()
    await rig.app.enqueue("echo", 1, depends_on=[held.id])
    await held.retry()
    with pytest.raises(NotMovable):
        await held.move("other")


async def test_who_waits_for_a_job_follows_it(rig: Rig) -> None:
    """A job that is moved while somebody waits for its result gives it to them, queue by queue."""
    handle = await rig.app.enqueue("echo", {"a": 1})
    waiting = asyncio.create_task(handle.result(timeout=30))
    for queue in ("other", "third"):
        await eventually(lambda: _is_watched(rig, handle))
        await handle.move(queue)
    await rig.finish(Outcome.COMPLETED, queue="third", result=b"7")
    assert await waiting == 7
    assert [entry.outcome for entry in await handle.timeline()] == ["moved", "moved"]
    assert await handle.logs() == []


async def _is_watched(rig: Rig, handle: JobHandle) -> bool:
    """Whether somebody listens to the events of a job under the id that it has now."""
    channel = f"job_status:{(await handle.get()).id}"
    return bool((await rig.broker._channel.execute("PUBSUB", "NUMSUB", channel))[1])


async def test_a_job_that_started_is_left_alone(rig: Rig) -> None:
    """What is for jobs that wait is refused for one that ran, is blocked, or is not there."""
    handle = await rig.app.enqueue("echo", 1)
    child = await rig.app.enqueue("echo", 2, depends_on=[handle.id])
    with pytest.raises(StillBlocked):
        await child.promote()
    with pytest.raises(StillBlocked):
        await child.move("other")
    assert (await child.prioritize("low")).priority is Priority.LOW
    await rig.finish(Outcome.COMPLETED, queue="default", result=b"1")
    for change in (handle.promote(), handle.prioritize("high"), handle.move("other")):
        with pytest.raises(AlreadyStarted):
            await change
    with pytest.raises(JobNotFound):
        await rig.app.handle(f"default-{'0' * 26}").promote()


async def test_replays_dead_letters(rig: Rig) -> None:
    """Dead jobs run again: those that pass a filter, those that are named, or all."""
    broken = await die(rig, tenant="a", tags=["x"])
    poison = await die(rig, reason="poison")
    assert await rig.app.replay_dead(reason="poison", dry_run=True) == 1
    assert await counts(rig) == {State.DEAD: 2}
    for wrong in (
        {"type": "thumbnail"},
        {"tenant": "b"},
        {"tag": "y"},
        {"older_than": 3600.0},
        {"queue": "images"},
    ):
        assert await rig.app.replay_dead(dry_run=True, **wrong) == 0
    assert (
        await rig.app.replay_dead(tenant="a", tag="x", type="echo", queue="default", dry_run=True)
        == 1
    )
    assert await rig.app.replay_dead(reason="poison") == 1
    assert (await poison.get()).state is State.QUEUED
    assert await rig.app.replay_dead([broken.id, poison.id, "nonsense"]) == 1
    assert await counts(rig) == {State.QUEUED: 2}


async def test_a_filter_that_is_none_is_refused(rig: Rig) -> None:
    """A misspelled filter replays and purges nothing."""
    await die(rig)
    with pytest.raises(TypeError, match="quue"):
        await rig.app.replay_dead(quue="images")  # type: ignore[call-arg]  # what is tested
    with pytest.raises(TypeError, match="quue"):
        await rig.app.purge_dead(quue="images")  # type: ignore[call-arg]  # what is tested
    assert await counts(rig) == {State.DEAD: 1}


async def test_replays_many_dead_letters(rig: Rig) -> None:
    """More dead jobs than one step takes are replayed by one call."""
    await kill_many(rig, 250)
    assert await rig.app.replay_dead() == 250
    assert State.DEAD not in await counts(rig)


async def test_purges_dead_letters(rig: Rig) -> None:
    """Dead jobs are forgotten by filter or by id, and nothing else is."""
    broken = await die(rig)
    poison = await die(rig, reason="poison")
    other = await rig.app.enqueue("echo", 1)
    assert await rig.app.purge_dead(reason="poison", dry_run=True) == 1
    assert await rig.app.purge_dead(reason="poison") == 1
    with pytest.raises(JobNotFound):
        await poison.get()
    assert await rig.app.purge_dead([broken.id, other.id]) == 1
    assert await counts(rig) == {State.QUEUED: 1}


async def test_work_on_many_jobs_stops_when_its_time_is_over(rig: Rig) -> None:
    """A call that stops early says so, and the next one goes on where it stopped."""
    await kill_many(rig, 150)
    dead = rig.app._opened().dead
    first = await dead.replay(JobFilter(), dry_run=True, within=0)
    assert (first.count, first.more) == (100, True)
    second = await dead.replay(JobFilter(), dry_run=True, cursor=first.cursor, within=0)
    assert (second.count, second.more, second.cursor) == (50, False, None)


async def test_a_sweep_stops_when_its_time_is_over(rig: Rig) -> None:
    """A queue with more jobs than one step takes is emptied by as many calls as it needs."""
    await rig.app.enqueue_many({"type": "echo", "payload": number} for number in range(1_200))
    queues, counts = rig.app._opened().queues, []
    more = True
    while more:
        swept = await queues.drain("default", within=0)
        counts.append(swept.count)
        more = swept.more
    assert sum(counts) == 1_200
    assert max(counts) <= STEP


async def test_a_job_tells_of_its_deliveries(rig: Rig) -> None:
    """A program can see how each delivery of a job ended, and run it again when it is dead."""
    handle = await rig.app.enqueue("echo", 1)
    failure = Failure("Boom", "it broke", attempt=1)
    await rig.finish(Outcome.RETRY, queue="default", failure=failure)
    (delivery,) = await handle.timeline()
    assert (delivery.outcome, delivery.error, delivery.worker_id) == ("retry", "it broke", "tester")
    await handle.promote()
    await rig.finish(Outcome.DEAD, queue="default", reason="broken", failure=failure)
    assert (await handle.retry()).state is State.QUEUED
    with pytest.raises(JobNotFound):
        await rig.app.handle(f"default-{'0' * 26}").timeline()
