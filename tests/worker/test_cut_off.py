"""A network that drops every packet between a worker and Redis: nobody is told, nothing arrives."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import redis

from jobqueue.context import JobContext
from jobqueue.metrics import STALE_SETTLES
from jobqueue.state import State
from tests.support.proxy import LossyProxy, lossy_proxy
from tests.support.wait import eventually

from .harness import Harness, open_broker, until
from .reaping import reaping
from .stages import Crowd, Stage

LEASE = 2.0
"""Seconds; short, so that tests need not wait for long."""

BACK_AGAIN = 12.0
"""Seconds after which a worker has noticed that its connections are dead, one after the other, and
made new ones; see `BLOCK_SLACK` and `REPLY_TIMEOUT`."""


@pytest.fixture
async def network(harness: Harness, socket_folder: Path) -> AsyncIterator[LossyProxy]:
    """The network of one machine."""
    server = Path(harness.url.removeprefix("unix://"))
    async with lossy_proxy(server, socket_folder / "network") as network:
        yield network


@pytest.fixture
async def remote(
    harness: Harness,
    network: LossyProxy,  # noqa: ARG001 - it must listen
    socket_folder: Path,
) -> AsyncIterator[Harness]:
    """A machine that reaches the tests' Redis through the network."""
    url = f"unix://{socket_folder}/network"
    broker = await open_broker(url, harness.namespace)
    yield Harness(broker, url, harness.namespace, socket_folder)
    await broker.close()


async def test_a_worker_that_is_cut_off(
    harness: Harness, remote: Harness, network: LossyProxy
) -> None:
    """Its jobs run elsewhere, its late verdict counts nothing, it stops its work and comes back."""
    deaf_to_end, cut = Stage(), Stage()
    remote.define("slow", cut.handle)
    remote.define("ends-late", deaf_to_end.handle)
    stale = STALE_SETTLES._value.get()
    async with remote.worker(slots=2, lease=LEASE):
        slow = await harness.submit("slow")
        ends_late = await harness.submit("ends-late")
        await cut.started.wait()
        await deaf_to_end.started.wait()
        network.hold()
        cut_at = monotonic()
        deaf_to_end.release.set()  # it ends in the dark: its verdict cannot be told

        async def other(_: JobContext, __: Any) -> str:
            return "elsewhere"

        harness.define("slow", other)
        harness.define("ends-late", other)
        with reaping(harness, lease=LEASE):
            async with harness.worker(slots=2):
                for job_id in (slow, ends_late):
                    job = await harness.ended(job_id, within=LEASE + 5.0)
                    assert (job.state, job.result) == (State.COMPLETED, b'"elsewhere"')
        while monotonic() < cut_at + 4 * LEASE:  # noqa: ASYNC110 - time itself is what passes
            await asyncio.sleep(0.05)
        assert not cut.cancelled.is_set()  # it cannot know yet
        network.heal()
        await asyncio.wait_for(cut.cancelled.wait(), BACK_AGAIN)
        await until(lambda: _is(STALE_SETTLES._value.get() > stale))
        fresh = await harness.submit("slow", payload=1)
        await eventually(lambda: cut.runs == 2, within=BACK_AGAIN)
        cut.release.set()
        assert (await harness.ended(fresh)).result == b'"done"'
    for job_id in (slow, ends_late):
        job = await harness.job(job_id)
        assert (job.state, job.result, job.attempt) == (State.COMPLETED, b'"elsewhere"', 1)


async def test_connections_that_only_seem_to_be_open(
    harness: Harness, remote: Harness, network: LossyProxy
) -> None:
    """An idle worker whose every connection is dead and looks alive is at work in seconds.

    A job that Redis hands to the dead wait meanwhile is not lost.
    """
    crowd = Crowd()
    remote.define("crowd", crowd.handle)
    with reaping(harness, lease=LEASE), redis.Redis.from_url(harness.url) as client:
        others = client.info("clients")["blocked_clients"]
        async with remote.worker(slots=1):
            await eventually(lambda: client.info("clients")["blocked_clients"] == others + 1)
            network.hold_open()
            jobs = [await harness.submit("crowd", number) for number in range(3)]
            for job_id in jobs:
                await harness.ended(job_id, within=BACK_AGAIN)
    assert sorted(crowd.seen) == [0, 1, 2]


async def test_a_cut_off_worker_stays_quiet(
    harness: Harness, remote: Harness, network: LossyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an operator has said outlives a cut that is longer than Redis remembers the worker."""
    monkeypatch.setattr("jobqueue.broker.consumer.PRESENCE_MS", 500)
    monkeypatch.setattr("jobqueue.worker.presence.BEAT_INTERVAL", 0.2)
    crowd = Crowd()
    remote.define("crowd", crowd.handle)
    async with remote.worker() as worker:
        await until(harness.broker.workers)
        await harness.broker.quiet(worker.id)
        await eventually(lambda: worker.quiet)
        network.hold()
        await until(lambda: _is_listed(harness, listed=False))
        network.heal()
        waiting = await harness.submit("crowd")
        await until(lambda: _is_listed(harness, listed=True))
        assert worker.quiet
        assert (await harness.job(waiting)).state is State.QUEUED
        await harness.broker.unquiet(worker.id)
        await harness.ended(waiting)


async def _is_listed(harness: Harness, *, listed: bool) -> bool:
    return bool(await harness.broker.workers()) is listed


async def _is(value: bool) -> bool:
    return value
