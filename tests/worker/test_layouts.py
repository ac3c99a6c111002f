"""Workers and reapers under which another version changes the layout of a queue."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis
from prometheus_client import CollectorRegistry

from jobqueue.errors import SchemaMismatch
from jobqueue.reaper import Reaper
from jobqueue.state import State
from tests.support.wait import eventually

from .harness import QUEUE, Harness
from .stages import Crowd, Stage

LEASE = 0.9


def set_layout(harness: Harness, layout: int) -> None:
    """Do as if another version of the program had written the queue."""
    with redis.Redis.from_url(harness.url) as client:
        client.hset(f"{harness.namespace}:{{{QUEUE}}}:meta", "version", layout)


@contextmanager
def mismatch() -> Iterator[None]:
    """What a worker raises once it has drained."""
    with pytest.raises(ExceptionGroup) as raised:
        yield
    (error,) = raised.value.exceptions
    assert isinstance(error, SchemaMismatch)
    assert "layout 999" in str(error)


@pytest.mark.parametrize("slots", [1, 2], ids=["no slot free", "one slot free"])
async def test_a_worker_drains_when_its_queue_outdates_it(harness: Harness, slots: int) -> None:
    """What runs comes to its end and is settled, nothing new starts, and the worker says why."""
    stage = Stage()
    harness.define("slow", stage.handle)
    with mismatch():
        async with harness.worker(slots=slots, drain=20.0) as worker:
            running = await harness.submit("slow")
            await stage.started.wait()
            set_layout(harness, 999)
            if slots > 1:
                await worker.draining.wait()
            stage.release.set()
            await worker.draining.wait()
    assert (await harness.job(running)).state is State.COMPLETED
    assert worker.info().processed == stage.runs == 1


async def test_all_pools_drain_when_one_queue_outdates_the_worker(harness: Harness) -> None:
    """The worker is of an old version in every queue: what runs in the others ends as well."""
    stage, crowd = Stage(), Crowd()
    harness.define("slow", stage.handle, queue="other")
    harness.define("quick", crowd.handle)
    with mismatch():
        async with harness.worker(queues={QUEUE: 1, "other": 1}, drain=20.0) as worker:
            running = await harness.submit("slow", queue="other")
            await stage.started.wait()
            set_layout(harness, 999)
            await worker.draining.wait()
            waiting = await harness.submit("slow", queue="other")
            stage.release.set()
    assert (await harness.job(running)).state is State.COMPLETED
    assert (await harness.job(waiting)).state is State.QUEUED


async def test_a_reaper_leaves_out_a_queue_that_outdates_it(harness: Harness) -> None:
    """The other queues are kept in order, and this one again when it is understood again."""
    lost = [await harness.submit("lost"), await harness.submit("lost", queue="other")]
    for queue in (QUEUE, "other"):
        consumer = await harness.broker.consumer(queue, worker_id="died", lease=LEASE)
        await consumer.claim(1)
    set_layout(harness, 999)
    async with asyncio.TaskGroup() as group:
        reaper = Reaper(harness.broker, lease=LEASE, registry=CollectorRegistry())
        reaping = group.create_task(reaper.run())
        assert (await harness.reaches(lost[1], State.QUEUED)).crashes == 1
        assert (await harness.job(lost[0])).state is State.ACTIVE
        set_layout(harness, 2)
        assert (await harness.reaches(lost[0], State.QUEUED)).crashes == 1
        reaping.cancel()
    await eventually(reaping.done)
