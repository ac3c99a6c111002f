"""A worker that runs what waits, and ends."""

import asyncio
from collections.abc import Collection

from jobqueue.app.queue import JobQueue
from jobqueue.broker.broker import Broker
from jobqueue.state import State
from jobqueue.testing.opening import opened
from jobqueue.worker.worker import Worker

LOOK_EVERY = 0.01
"""Seconds between two looks whether something is left: a test should not feel it."""

PAGE = 100
"""Scheduled jobs that are started at once in one go."""


async def run_until_idle(
    app: JobQueue,
    *,
    within: float = 30.0,
    scheduled: bool = False,
) -> int:
    """Run a worker for all types of `app` until no job of their queues is queued or runs.

    How the jobs have ended is theirs to tell: a dead one raises in `handle.result()`.

    Args:
        app: defines the types; it may be open or not.
        within: seconds that it may take.
        scheduled: start jobs that are to run later at once, retries among them, instead of leaving
            them.

    Returns:
        How many attempts came to an end.

    Raises:
        TimeoutError: there was still something to do; the message says what.
    """
    queues = sorted(app.registry.queues())
    async with opened(app) as (settings, broker, contents), app.started():
        worker = await Worker.open(
            broker,
            app.registry,
            settings=settings.worker.model_copy(update={"drain": 0.0}),
            limits=settings.limits,
            contents=contents,
            queues=dict.fromkeys(queues, settings.worker.concurrency),
            roles=["worker"],
            version="testing",
        )
        working = asyncio.create_task(worker.run())
        try:
            await _idle(broker, queues, within, scheduled=scheduled)
        finally:
            worker.drain()
            await working
        return worker.info().processed


async def _idle(broker: Broker, queues: Collection[str], within: float, *, scheduled: bool) -> None:
    states = {State.QUEUED, State.ACTIVE} | ({State.SCHEDULED} if scheduled else set())
    left: dict[str, int] = {}
    try:
        async with asyncio.timeout(within):
            while left := await _left(broker, queues, states):
                if scheduled:
                    await _start_scheduled(broker, queues)
                await asyncio.sleep(LOOK_EVERY)
    except TimeoutError:
        what = ", ".join(f"{count} {state}" for state, count in left.items())
        raise TimeoutError(f"not idle within {within:g} s: {what}") from None


async def _left(
    broker: Broker, queues: Collection[str], states: Collection[State]
) -> dict[str, int]:
    left: dict[str, int] = {}
    for stats in await broker.stats(queues):
        for state in states:
            if count := stats.counts.get(state, 0):
                left[state] = left.get(state, 0) + count
    return left


async def _start_scheduled(broker: Broker, queues: Collection[str]) -> None:
    for queue in queues:
        page = await broker.list_jobs(
            State.SCHEDULED, queue=queue, wanted=None, limit=PAGE, cursor=None
        )
        for job in page.jobs:
            await broker.operator.promote(job.id)
