"""Schedules with reapers and workers that run."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
import redis
from prometheus_client import CollectorRegistry

from jobqueue.app.contents import already
from jobqueue.app.references import referred_key
from jobqueue.errors import ContentGone
from jobqueue.housekeeping import Housekeeper
from jobqueue.metrics import JOBS_ENQUEUED
from jobqueue.reaper import Reaper
from jobqueue.retry import Backoff
from jobqueue.schedule import Schedule, ScheduleInfo, ScheduleState
from jobqueue.state import State
from jobqueue.storage.base import Storage
from jobqueue.submission import JobOptions
from jobqueue.timing import Timing
from tests.storage.steps import keys
from tests.support.redis import redis_server

from .harness import QUEUE, Harness, open_broker, until
from .producing import LARGE, LIMITS, producer
from .stages import Crowd


@asynccontextmanager
async def reapers(harness: Harness, count: int) -> AsyncIterator[None]:
    """So many reapers, each on connections of its own."""
    brokers = [await open_broker(harness.url, harness.namespace) for _ in range(count)]
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(Reaper(broker, lease=15, registry=CollectorRegistry()).run())
            for broker in brokers
        ]
        yield
        for task in tasks:
            task.cancel()
    for broker in brokers:
        await broker.close()


async def put(harness: Harness, **fields: object) -> ScheduleInfo:
    """Put a schedule of three jobs, one a second."""
    values = {"name": "s", "queue": QUEUE, "type": "crowd", "timing": Timing(every=1), "limit": 3}
    return await harness.broker.schedules.put(
        Schedule(**{**values, **fields})  # type: ignore[arg-type]
    )


async def finished(harness: Harness) -> ScheduleInfo:
    """The schedule once it has made all its jobs."""

    async def look() -> ScheduleInfo | None:
        info = await harness.broker.schedules.get("s")
        return info if info and info.state is ScheduleState.FINISHED else None

    return await until(look, what="the last slot")


async def test_each_slot_is_one_job_and_counted_once(harness: Harness) -> None:
    """Three reapers beside a worker: three jobs run, are counted, and say where they are from."""
    crowd = Crowd()
    harness.define("crowd", crowd.handle)
    enqueued = JOBS_ENQUEUED.labels(QUEUE, "crowd")._value
    before = enqueued.get()
    async with reapers(harness, 3), harness.worker():
        await put(harness)
        info = await finished(harness)
        assert info.last_job_id is not None
        job = await harness.ended(info.last_job_id)
    assert (job.state, job.options.metadata["schedule"]) == (State.COMPLETED, "s")
    assert job.created_at_ms == info.last_slot_ms
    (stats,) = await harness.broker.stats([QUEUE])
    assert stats.counts[State.COMPLETED] == info.fired == 3
    assert enqueued.get() == before + 3


async def test_a_type_that_no_worker_knows_ends_dead(harness: Harness) -> None:
    """Jobs of a type that is gone are in the dead letters, where an operator finds them."""
    quick = JobOptions(max_attempts=1, backoff=Backoff(delay=0.01))
    async with reapers(harness, 1), harness.worker():
        await put(harness, type="gone", limit=1, options=quick)
        info = await finished(harness)
        assert info.last_job_id is not None
        job = await harness.ended(info.last_job_id)
    assert (job.state, job.reason) == (State.DEAD, "unknown_type")


async def test_a_queue_without_schedules_costs_one_read_a_pass(
    socket_folder: Path, namespace: str
) -> None:
    """What is not used is not paid for: one script with one read of its own, and no write."""
    with (
        redis_server(socket_folder) as url,  # of its own: nobody else's commands are counted
        redis.Redis.from_url(url, decode_responses=True) as client,
    ):
        broker = await open_broker(url, namespace)
        await broker.fire_due(QUEUE)
        before = client.info("commandstats")
        await broker.fire_due(QUEUE)
        after = client.info("commandstats")
        await broker.close()
    calls = {
        name.removeprefix("cmdstat_"): figures["calls"] - before.get(name, {"calls": 0})["calls"]
        for name, figures in after.items()
    }
    assert {name for name, count in calls.items() if count} == {
        "evalsha",
        "time",
        "hmget",
        "zrange",
        "info",
    }
    assert (calls["evalsha"], calls["zrange"]) == (1, 1)


async def test_a_large_payload_is_stored_once(harness: Harness, storage: Storage) -> None:
    """All jobs of a schedule find its large payload, of which Redis has a reference only."""
    crowd = Crowd()
    harness.define("crowd", crowd.handle)
    harness.open_storage = already(storage)
    app = producer(harness)
    for _ in range(2):  # a program says it whenever it starts
        info = await app.schedule("s", "crowd", LARGE, every=1, limit=3)
        assert info.schedule.payload == msgspec.json.encode(LARGE)
    async with reapers(harness, 1), harness.worker(limits=LIMITS):
        last = (await finished(harness)).last_job_id
        assert last is not None
        await harness.ended(last)
    (key,) = await keys(storage, "payloads/")
    assert crowd.seen == [LARGE] * 3
    assert (await app.get_schedule("s")).schedule.payload == msgspec.json.encode(LARGE)
    assert referred_key((await harness.job(last)).payload) == key
    tidied = await Housekeeper(harness.broker, storage, retention=None).tidy(now=2e9)
    assert tidied.unneeded == 0
    await storage.delete([key])
    (listed,) = await app.schedules()
    assert listed.schedule.payload == (await app.pause_schedule("s")).schedule.payload == b"null"
    with pytest.raises(ContentGone):
        await app.get_schedule("s")
