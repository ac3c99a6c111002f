"""Progress and logs of running jobs, sent in groups."""

import asyncio
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from jobqueue.broker.consumer import Consumer, Lease
from jobqueue.errors import Unavailable
from jobqueue.model import Progress
from jobqueue.worker.attempt import Stop
from jobqueue.worker.log_buffer import LogBuffer, UnsentLines, as_sent

if TYPE_CHECKING:
    from jobqueue.worker.pool import Pool

FLUSH_INTERVAL = 0.25
"""Seconds between two reports: four a second look live to a person."""

MAX_JOBS = 200
"""Jobs of one report: a script stays short however many slots a pool has."""

MAX_LINES = 500
"""Log lines of one report that has more than one job, for the same reason."""


class Reporter:
    """Keeps the newest progress of each job of one pool and its new log lines; sends them soon."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._newest: dict[str, Progress] = {}
        self._logs = LogBuffer()
        self._sending = asyncio.Lock()
        self._sending_lines = False
        self._some = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    @property
    def has_lines(self) -> bool:
        """Whether there are log lines that Redis has not confirmed."""
        return bool(self._logs) or self._sending_lines

    def report(self, job_id: str, progress: Progress) -> None:
        """Take the progress of a job; handlers may call this from a thread of theirs."""
        self._newest[job_id] = progress
        self._wake()

    def log(self, job_id: str, token: str, line: str) -> None:
        """Take a line of a job's log; as `report`."""
        self._logs.add(Lease(job_id, token), line)
        self._wake()

    async def run(self, pool: "Pool") -> None:
        """Send what there is, at once and then every `FLUSH_INTERVAL` seconds."""
        while True:
            await self._some.wait()
            self._some.clear()
            await self.flush(pool)
            await asyncio.sleep(FLUSH_INTERVAL)

    async def flush(self, pool: "Pool") -> None:
        """Send all there is, after what is being sent."""
        async with self._sending:
            newest, self._newest = self._newest, {}
            progress = {
                Lease(job_id, attempt.job.token): progress
                for job_id, progress in newest.items()
                if (attempt := pool.held.get(job_id)) and not attempt.ended
            }
            lines = self._logs.take()
            self._sending_lines = bool(lines)
            try:
                for part in _parts(progress, lines):
                    await self._send(pool, part, progress, lines)
            finally:
                self._sending_lines = False
        self._logs.forget(lambda lease: _token_of(pool, lease.job_id) != lease.token)

    def _wake(self) -> None:
        if threading.get_ident() == self._thread:
            self._some.set()
        else:
            self._loop.call_soon_threadsafe(self._some.set)

    async def _send(
        self,
        pool: "Pool",
        leases: Sequence[Lease],
        progress: Mapping[Lease, Progress],
        lines: UnsentLines,
    ) -> None:
        some = {lease: lines[lease] for lease in leases if lease in lines}
        try:
            stale = await self._consumer.report(
                {lease: progress[lease] for lease in leases if lease in progress},
                {lease: as_sent(unsent) for lease, unsent in some.items()},
            )
        except Unavailable:
            # the next progress of these jobs is newer anyway
            self._logs.put_back(some)
            self._some.set()
            return
        tokens = {lease.job_id: lease.token for lease in leases}
        for job_id in stale:
            attempt = pool.held.get(job_id)
            if attempt and attempt.job.token == tokens[job_id]:
                attempt.stop(Stop.LOST)


def _parts(progress: Mapping[Lease, Progress], lines: UnsentLines) -> Iterator[list[Lease]]:
    """The deliveries of each report."""
    part: list[Lease] = []
    count = 0
    for lease in dict.fromkeys((*progress, *lines)):
        more = len(lines.get(lease, ()))
        if part and (len(part) == MAX_JOBS or count + more > MAX_LINES):
            yield part
            part, count = [], 0
        part.append(lease)
        count += more
    if part:
        yield part


def _token_of(pool: "Pool", job_id: str) -> str | None:
    attempt = pool.held.get(job_id)
    return attempt.job.token if attempt else None
