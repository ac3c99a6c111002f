"""Starting fewer jobs than there are slots: rates, and services at their limit."""

import asyncio
import itertools
from time import monotonic
from typing import Any

from jobqueue.context import JobContext
from jobqueue.errors import RateLimited
from jobqueue.state import State

from .harness import Harness
from .stages import Stage

CLOCKS = 0.005
"""Seconds that a handler may see its start later than the worker that counts it."""


async def test_a_rate_holds_over_any_time(harness: Harness) -> None:
    """A pool with a rate starts that many jobs in any such time, and no fewer than it may."""
    starts: list[float] = []

    async def note(_: JobContext, __: Any) -> None:
        starts.append(monotonic())

    harness.define("note", note)
    ids = [await harness.submit("note") for _ in range(12)]
    async with harness.worker(slots=8, rates={"q": "5/0.4"}):
        for job_id in ids:
            await harness.ended(job_id)
    for earlier, later in zip(starts, starts[5:], strict=False):
        assert later - earlier > 0.4 - CLOCKS
    assert starts[-1] - starts[0] < 0.8 + 1.0


async def test_a_slot_that_opens_is_used_at_once(harness: Harness) -> None:
    """A job that waits for its worker's rate starts when the rate allows, not at the next poll."""
    starts: list[float] = []

    async def note(_: JobContext, __: Any) -> None:
        starts.append(monotonic())

    harness.define("note", note)
    async with harness.worker(rates={"q": "1/0.15"}):
        for job_id in [await harness.submit("note") for _ in range(7)]:
            await harness.ended(job_id)
    late = sorted(later - earlier - 0.15 for earlier, later in itertools.pairwise(starts))
    assert late[0] > -CLOCKS
    assert late[3] < 0.1


async def test_jobs_beyond_a_rate_go_elsewhere(harness: Harness) -> None:
    """A worker at its rate holds no job back from others, not even one that is on its way."""
    harness.define("note", _nothing)
    async with harness.worker(rates={"q": "1/600"}) as limited:
        await harness.ended(await harness.submit("note"))
        waiting = await harness.submit("note")
        async with harness.worker():
            await harness.ended(waiting, within=3)
            for _ in range(10):
                await harness.ended(await harness.submit("note"), within=3)
        assert limited.info().processed == 1


async def test_a_job_that_is_handed_back_does_not_count(harness: Harness) -> None:
    """A job that was claimed and could not start leaves the rate as it was."""
    stage = Stage()
    harness.define("slow", stage.handle)
    async with harness.worker(slots=2, rates={"q": "1/600"}):
        unknown = await harness.submit("unknown", max_attempts=1)
        await harness.ended(unknown)
        job_id = await harness.submit("slow")
        await stage.started.wait()
        stage.release.set()
        assert (await harness.ended(job_id)).state is State.COMPLETED


async def test_a_limit_that_was_met_keeps_the_pool_from_others(harness: Harness) -> None:
    """After a handler met a limit, its worker starts no job of the queue until it is over."""
    starts: list[tuple[str, float]] = []

    async def call(_: JobContext, name: str) -> None:
        starts.append((name, monotonic()))
        if len(starts) == 1:
            raise RateLimited(0.6)

    harness.define("call", call)
    async with harness.worker(slots=1):
        first, second = [await harness.submit("call", name) for name in ("first", "second")]
        await harness.ended(first)
        await harness.ended(second)
    begin = starts[0][1]
    assert [begin + 0.6 - CLOCKS < at for _, at in starts[1:]] == [True, True]
    assert max(at for _, at in starts) < begin + 3


async def test_a_limit_that_was_met_is_one_workers_own(harness: Harness) -> None:
    """What a held pool does not take, another worker does, also what had been delivered."""
    met = asyncio.Event()

    async def call(_: JobContext, name: str) -> None:
        if name == "limited":
            met.set()
            raise RateLimited(600)

    harness.define("call", call)
    async with harness.worker(slots=3):
        limited = await harness.submit("call", "limited")
        await met.wait()
        await harness.reaches(limited, State.SCHEDULED)
        others = [await harness.submit("call", "other") for _ in range(5)]
        async with harness.worker():
            for other in others:
                assert (await harness.ended(other, within=3)).state is State.COMPLETED


async def _nothing(_: JobContext, __: Any) -> None:
    """Be done."""
