"""Many idle workers and few jobs."""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

from prometheus_client import REGISTRY

from jobqueue.context import JobContext
from tests.support.wait import eventually

from .harness import Harness

WORKERS = 60
JOBS = 60
PER_SECOND = 20
LATE = 0.05
"""Seconds by which a delayed job may start late, on a busy test machine."""


async def test_idle_workers_are_no_herd(harness: Harness) -> None:
    """60 idle workers and 20 delayed jobs a second: the claims are few, and no job is late."""
    late: list[float] = []

    async def start(_: JobContext, due: float) -> Any:
        late.append(time.time() - due)

    harness.define("start", start)
    async with AsyncExitStack() as stack:
        for _ in range(WORKERS):
            await stack.enter_async_context(harness.worker(slots=1))
        await eventually(_all_idle)
        before, began = _claims(), time.monotonic()
        for _ in range(JOBS):
            await harness.submit("start", time.time() + 0.05, delay=0.05)
            await asyncio.sleep(1 / PER_SECOND)  # the load itself
        await eventually(lambda: len(late) == JOBS)
        per_second = (_claims() - before) / (time.monotonic() - began)
    # each idle worker once a second or so, and for each job: its start, the alarm, its passing on
    assert per_second <= WORKERS * 1.3 + PER_SECOND * 5
    assert sorted(late)[JOBS // 2] <= LATE


def _claims() -> float:
    """Script calls that claimed, of all workers in this process."""
    sample = REGISTRY.get_sample_value
    names = ("claim",)
    return sum(sample("jobqueue_redis_script_seconds_count", {"script": n}) or 0 for n in names)


def _all_idle() -> bool:
    return _claims() >= WORKERS
