"""Telling one worker to claim nothing, and to go on."""

import asyncio
from collections.abc import AsyncGenerator
from time import monotonic

import pytest

from jobqueue.state import State
from jobqueue.worker import presence
from jobqueue.worker.worker import Worker

from .harness import Harness, until
from .stages import Crowd, Stage


async def test_a_quiet_worker_finishes_what_it_runs(harness: Harness) -> None:
    """A worker that is told to be quiet claims nothing and goes on with what it runs."""
    stage = Stage()
    harness.define("slow", stage.handle)
    async with harness.worker() as worker:
        running = await harness.submit("slow")
        await stage.started.wait()
        await until(harness.broker.workers)
        await harness.broker.quiet(worker.id)
        await until(lambda: _shown(harness, quiet=True), within=1)
        waiting = await harness.submit("slow")
        stage.release.set()
        assert (await harness.ended(running)).state is State.COMPLETED
        assert (await harness.job(waiting)).state is State.QUEUED
        await harness.broker.unquiet(worker.id)
        assert (await harness.ended(waiting, within=1)).state is State.COMPLETED
        await until(lambda: _shown(harness, quiet=False), within=1)


async def test_a_quiet_worker_is_quiet_in_all_its_queues(harness: Harness) -> None:
    """What an operator says to a worker holds for everything that it serves."""
    harness.define("one", Crowd().handle)
    harness.define("two", Crowd().handle, queue="other")
    async with harness.worker(queues={"q": 1, "other": 1}) as worker:
        await _make_quiet(harness, worker)
        jobs = [await harness.submit("one"), await harness.submit("two", queue="other")]
        async with harness.worker(queues={"q": 1, "other": 1}):
            for job_id in jobs:
                await harness.ended(job_id, within=3)
        assert worker.info().processed == 0


async def test_a_quiet_worker_holds_no_job_back(harness: Harness) -> None:
    """A job that Redis handed to a worker just as it became quiet runs elsewhere at once."""
    harness.define("quick", Crowd().handle)
    async with harness.worker() as idle:
        await _make_quiet(harness, idle)
        for _ in range(3):  # the wait that the worker had begun takes at most one of these
            job_id = await harness.submit("quick")
            began = monotonic()
            async with harness.worker():
                await harness.ended(job_id)
            assert monotonic() - began < 2.5  # a reaper would need 3 s
        assert idle.info().processed == 0


async def test_a_lost_message_is_made_up_for(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that missed the message learns of it with its next beat."""

    async def silence(_: object) -> AsyncGenerator[str, None]:
        await asyncio.Event().wait()
        yield ""

    monkeypatch.setattr(harness.broker, "orders", silence)
    monkeypatch.setattr(presence, "BEAT_INTERVAL", 0.2)
    harness.define("quick", Crowd().handle)
    async with harness.worker() as worker:
        await _make_quiet(harness, worker)
        await harness.broker.unquiet(worker.id)
        await until(lambda: _shown(harness, quiet=False))
        await harness.ended(await harness.submit("quick"))


async def test_a_quiet_worker_can_be_stopped(harness: Harness) -> None:
    """A quiet worker drains like any other."""
    stage = Stage()
    harness.define("slow", stage.handle)
    async with asyncio.timeout(10), harness.worker(drain=5.0) as worker:
        running = await harness.submit("slow")
        await stage.started.wait()
        await _make_quiet(harness, worker)
        worker.drain()
        stage.release.set()
    assert (await harness.job(running)).state is State.COMPLETED


async def _make_quiet(harness: Harness, worker: Worker) -> None:
    await until(harness.broker.workers)
    await harness.broker.quiet(worker.id)
    await until(lambda: _shown(harness, quiet=True))


async def _shown(harness: Harness, *, quiet: bool) -> bool:
    return all(worker.quiet is quiet for worker in await harness.broker.workers())
