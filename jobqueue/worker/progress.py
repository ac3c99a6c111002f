"""Progress of running jobs, sent in groups."""

import asyncio
import threading
from typing import TYPE_CHECKING

from jobqueue.broker.consumer import Consumer, Lease
from jobqueue.errors import Unavailable
from jobqueue.model import Progress
from jobqueue.worker.attempt import Stop

if TYPE_CHECKING:
    from jobqueue.worker.pool import Pool

FLUSH_INTERVAL = 0.25
"""Seconds between two reports: four a second look live to a person."""

MAX_JOBS = 200
"""Jobs of one report: a script stays short however many slots a pool has."""


class ProgressReporter:
    """Keeps the newest progress of each job of one pool and sends it now and then."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._newest: dict[str, Progress] = {}
        self._some = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    def report(self, job_id: str, progress: Progress) -> None:
        """Take the progress of a job; handlers may call this from a thread of theirs."""
        self._newest[job_id] = progress
        if threading.get_ident() == self._thread:
            self._some.set()
        else:
            self._loop.call_soon_threadsafe(self._some.set)

    async def run(self, pool: "Pool") -> None:
        """Send what there is, at once and then every `FLUSH_INTERVAL` seconds."""
        while True:
            await self._some.wait()
            self._some.clear()
            await self._flush(pool)
            await asyncio.sleep(FLUSH_INTERVAL)

    async def _flush(self, pool: "Pool") -> None:
        newest, self._newest = self._newest, {}
        running = [
            (Lease(job_id, attempt.job.token), progress)
            for job_id, progress in newest.items()
            if (attempt := pool.held.get(job_id)) and not attempt.ended
        ]
        for first in range(0, len(running), MAX_JOBS):
            await self._send(pool, dict(running[first : first + MAX_JOBS]))

    async def _send(self, pool: "Pool", progress: dict[Lease, Progress]) -> None:
        try:
            stale = await self._consumer.report(progress)
        except Unavailable:
            return  # the next report of these jobs is newer anyway
        tokens = {lease.job_id: lease.token for lease in progress}
        for job_id in stale:
            attempt = pool.held.get(job_id)
            if attempt and attempt.job.token == tokens[job_id]:
                attempt.stop(Stop.LOST)
