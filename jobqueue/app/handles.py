"""A job as its producer holds it: look at it, wait for it, cancel it."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any, Generic

from typing_extensions import TypeVar, override

from jobqueue.app.jobs import Jobs, completed
from jobqueue.job_log import LogLine
from jobqueue.model import Delivery, Job

Result = TypeVar("Result", default=Any)


class JobHandle(Generic[Result]):
    """One submitted job, whose handler returns a `Result`.

    Attributes:
        id: the job's id.
    """

    __slots__ = ("_jobs", "_parse", "id")

    def __init__(self, job_id: str, *, jobs: Jobs, parse: Callable[[Job], Result]) -> None:
        self.id = job_id
        self._jobs = jobs
        self._parse = parse

    @override
    def __repr__(self) -> str:
        return f"JobHandle({self.id!r})"

    async def get(self) -> Job:
        """Everything that is known of the job now, its payload and result included.

        Raises:
            JobNotFound: it is gone: its retention is over.
            ContentGone: its large payload or result is not in the storage.
            StorageUnavailable: the storage of one of them does not answer.
        """
        return await self._jobs.fetch(await self._jobs.read(self.id), ("payload", "result"))

    async def logs(self) -> list[LogLine]:
        """What the job's handlers logged so far: its newest lines, oldest first.

        Raises:
            JobNotFound: it is gone: its retention is over.
        """
        return await self._jobs.logs(self.id)

    async def timeline(self) -> list[Delivery]:
        """How the job's deliveries before the last one ended, oldest first; the newest 50.

        Raises:
            JobNotFound: it is gone: its retention is over.
        """
        return await self._jobs.timeline(self.id)

    async def result(self, timeout: float | None = None) -> Result:  # noqa: ASYNC109 - the message names the job
        """Wait until the job has ended; what its handler returned.

        The result of a job type of this program is what its handler's annotation says, any
        other is plain JSON.

        Args:
            timeout: seconds to wait at most; None: as long as it takes.

        Raises:
            JobFailed: the job is dead.
            JobCancelled: it was cancelled.
            JobNotFound: it is gone: its retention is over.
            ContentGone: its large result is not in the storage.
            StorageUnavailable: the storage of its large result does not answer.
            TimeoutError: it had not ended in time; it goes on.
        """
        try:
            async with asyncio.timeout(timeout):
                job = completed(await self._jobs.ended(self.id))
                return self._parse(await self._jobs.fetch(job, ("result",)))
        except TimeoutError:
            raise TimeoutError(
                f"job {self.id} has not ended within {timeout} s; it goes on"
            ) from None

    async def cancel(self) -> Job:
        """Cancel the job; in the answer it is cancelled, or still running and told to stop.

        A cancel needs no storage: only `get` fetches a large payload.

        Raises:
            AlreadyFinished: it has ended.
            JobNotFound: it is gone: its retention is over.
        """
        return await self._jobs.cancel(self.id)

    async def retry(self) -> Job:
        """Queue the job again, dead or cancelled as it is, with all its attempts.

        Raises:
            NotRetryable: it is neither dead nor cancelled.
            UniqueKeyHeld: another job holds its unique key.
            JobNotFound: it is gone: its retention is over.
        """
        return await self._jobs.retry(self.id)

    async def promote(self) -> Job:
        """Let the job, which is scheduled, start now; see `Waiting.promote`."""
        return await self._jobs.waiting.promote(self.id)

    async def reschedule(self, run_at: datetime) -> Job:
        """Let the job, which has not started, start at another time; see `Waiting.reschedule`."""
        return await self._jobs.waiting.reschedule(self.id, run_at)

    async def prioritize(self, priority: str | int) -> Job:
        """Give the job, which has not started, another priority; see `Waiting.prioritize`."""
        return await self._jobs.waiting.prioritize(self.id, priority)

    async def move(self, queue: str) -> "JobHandle[Result]":
        """Move the job, which has not started, to another queue; see `Waiting.move`.

        Returns:
            Its handle there, under another id; this one goes on to work as well.
        """
        moved = await self._jobs.waiting.move(self.id, queue)
        return JobHandle(moved.id, jobs=self._jobs, parse=self._parse)
