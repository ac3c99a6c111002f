"""Schedules from Python."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobqueue import (
    Backoff,
    InvalidRequest,
    JobQueue,
    Missed,
    Overlap,
    PayloadTooLarge,
    Priority,
    ScheduleNotFound,
    ScheduleState,
    Settings,
    UnknownType,
)
from jobqueue.settings import RedisSettings

from .app_types import Thumbnail, define


@pytest.fixture
async def app(redis_url: str, namespace: str) -> AsyncIterator[JobQueue]:
    """An open JobQueue with job types."""
    app = JobQueue(settings=Settings(redis=RedisSettings(url=redis_url, namespace=namespace)))
    define(app)
    async with app:
        yield app


async def test_a_schedule_has_every_option(app: JobQueue) -> None:
    """What `schedule` is given is what the schedule has."""
    start = datetime(2030, 1, 1, tzinfo=UTC)
    info = await app.schedule(
        "nightly",
        "thumbnail",
        Thumbnail(url="a.png", width=5),
        cron="30 2 * * *",
        timezone="Europe/Berlin",
        start=start,
        end=start + timedelta(days=9),
        limit=3,
        jitter=60,
        overlap="skip",
        missed=Missed.ALL,
        queue="other",
        priority="high",
        timeout=7,
        max_attempts=9,
        backoff=Backoff(kind="fixed", delay=1),
        tags=["a"],
        metadata={"order": 1},
    )
    schedule = info.schedule
    assert (schedule.name, schedule.queue, schedule.type) == ("nightly", "other", "thumbnail")
    assert schedule.payload == b'{"url":"a.png","width":5}'
    assert (schedule.limit, schedule.jitter) == (3, 60)
    assert (schedule.overlap, schedule.missed) == (Overlap.SKIP, Missed.ALL)
    assert (schedule.priority, schedule.options.timeout) == (Priority.HIGH, 7)
    assert (schedule.options.tags, schedule.options.metadata) == (("a",), {"order": 1})
    assert schedule.options.backoff == Backoff(kind="fixed", delay=1)
    assert info.next_slot_ms == round(start.timestamp() * 1000) + 90 * 60_000
    assert await app.get_schedule("nightly") == info
    assert await app.schedules() == [info]


async def test_a_schedule_is_paused_resumed_and_removed(app: JobQueue) -> None:
    """The life of a schedule; the same again at each start of a program does not resume it."""
    await app.schedule("hourly", "echo", every=3600)
    assert (await app.pause_schedule("hourly")).state is ScheduleState.PAUSED
    assert (await app.schedule("hourly", "echo", every=3600)).state is ScheduleState.PAUSED
    assert (await app.resume_schedule("hourly")).state is ScheduleState.ACTIVE
    await app.unschedule("hourly")
    for call in (app.unschedule, app.get_schedule, app.pause_schedule, app.resume_schedule):
        with pytest.raises(ScheduleNotFound, match="hourly"):
            await call("hourly")


@pytest.mark.parametrize(
    ("name", "fields", "paths"),
    [
        ("s", {"payload": {"width": 0}, "every": 60}, {"/payload/url", "/payload/width"}),
        ("S", {"cron": "x", "queue": "A"}, {"/name", "/cron", "/queue", "/payload"}),
        ("s", {"every": "often", "limit": 0}, {"/every", "/limit"}),
        ("s", {"every": 60, "overlap": "maybe", "missed": "two"}, {"/overlap", "/missed"}),
        ("s", {"every": 60, "start": datetime(2030, 1, 1)}, {"/start"}),  # noqa: DTZ001 - the mistake
        ("s", {"every": 60, "jitter": -1, "timeout": 0}, {"/jitter", "/timeout"}),
    ],
)
async def test_names_wrong_fields(
    app: JobQueue, name: str, fields: dict[str, Any], paths: set[str]
) -> None:
    """What is wrong with a schedule or its job is named, and nothing is scheduled."""
    with pytest.raises(InvalidRequest) as caught:
        await app.schedule(name, "thumbnail", **fields)
    assert {error.path for error in caught.value.errors} == paths
    assert await app.schedules() == []


async def test_the_job_is_checked_as_a_submit_is(app: JobQueue) -> None:
    """Unknown types and payloads that are too large are refused at once."""
    with pytest.raises(UnknownType):
        await app.schedule("s", "nothing", every=60)
    with pytest.raises(PayloadTooLarge):
        await app.schedule("s", "echo", "x" * 2_000_000, every=60)


async def test_needs_an_open_queue() -> None:
    """Outside `async with app:` there is nothing to schedule on."""
    with pytest.raises(RuntimeError, match="async with app"):
        await JobQueue().schedules()
