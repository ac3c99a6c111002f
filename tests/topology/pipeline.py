"""Work that goes on while servers fail: jobs, a worker and a reaper."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from jobqueue.errors import Unavailable
from jobqueue.ids import new_job_id
from jobqueue.reaper import Reaper
from jobqueue.state import State
from jobqueue.submission import NewJob
from tests.worker.harness import QUEUE, Harness
from tests.worker.stages import Crowd

LEASE = 2.0
"""Seconds: what a failover takes from a worker comes back soon enough for a test."""

JOBS = 300


class Pipeline:
    """Many jobs, and who runs them.

    Attributes:
        crowd: the handler of all of them.
        ids: of the jobs that were submitted so far.
    """

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self.crowd = Crowd()
        self.ids: list[str] = []
        harness.define("crowd", self.crowd.handle)

    async def submit(self, count: int = JOBS) -> None:
        """Enqueue jobs in one bulk."""
        first = len(self.ids)
        jobs = [
            NewJob(new_job_id(QUEUE), "crowd", b"%d" % (first + number)) for number in range(count)
        ]
        await self.harness.broker.enqueue_many(jobs)
        self.ids += [job.id for job in jobs]

    async def all_completed(self) -> bool:
        """Whether each job has ended, once, and none is known besides."""
        try:
            (stats,) = await self.harness.broker.stats([QUEUE])
        except Unavailable:
            return False
        found = {state: count for state, count in stats.counts.items() if count}
        return found == {State.COMPLETED: len(self.ids)}

    def ran(self) -> set[int]:
        """The jobs that ran at least once, by number."""
        return set(self.crowd.seen)


@asynccontextmanager
async def running_pipeline(harness: Harness) -> AsyncIterator[Pipeline]:
    """A worker and a reaper that live through whatever happens."""
    pipeline = Pipeline(harness)
    reaper = Reaper(harness.broker, lease=LEASE, registry=CollectorRegistry())
    reaping = asyncio.create_task(reaper.run())
    try:
        async with harness.worker(slots=3, lease=LEASE):
            yield pipeline
    finally:
        reaping.cancel()
        await asyncio.wait([reaping])
