"""The use cases of dead letters: replay and purge, by id, by filter, or all of them."""

from collections.abc import Awaitable, Callable, Sequence
from time import monotonic, time
from typing import TypedDict

import msgspec

from jobqueue.app.listing import MAX_PAGE, JobFilter
from jobqueue.app.requests import Wait
from jobqueue.app.sweeping import FOREVER, Swept
from jobqueue.broker.broker import Broker
from jobqueue.metrics import JOBS_ENQUEUED, queue_label
from jobqueue.model import Job, RetryResult
from jobqueue.state import State


class DeadFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which dead jobs are meant; what is not given is not looked at.

    Attributes:
        reason: why they are dead.
        older_than: seconds since they died, at least.
    """

    queue: str | None = None
    type: str | None = None
    reason: str | None = None
    tag: str | None = None
    tenant: str | None = None
    older_than: Wait | None = None

    def value(self) -> JobFilter:
        """It as the listing takes it, now."""
        before = None if self.older_than is None else round((time() - self.older_than) * 1000)
        return JobFilter(
            queue=self.queue,
            type=self.type,
            reason=self.reason,
            tag=self.tag,
            tenant=self.tenant,
            ended_before_ms=before,
        )


class DeadFields(TypedDict, total=False):
    """The fields of a `DeadFilter`, as keywords."""

    queue: str | None
    type: str | None
    reason: str | None
    tag: str | None
    tenant: str | None
    older_than: float | None


class DeadLetters:
    """What operators can do with dead jobs.

    Each call works in steps of 100 jobs, newest first, so that nobody waits long for Redis in
    between. A job that dies again meanwhile is not met twice.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def replay(
        self,
        wanted: JobFilter,
        *,
        dry_run: bool = False,
        cursor: str | None = None,
        within: float = FOREVER,
    ) -> Swept:
        """Queue dead jobs again, with all their attempts.

        One whose unique key another job holds by now stays dead and is not counted.

        Args:
            wanted: which ones; its state is not looked at.
            dry_run: change nothing, only count them.
            cursor: of the answer that had `more`, to go on there.
            within: seconds to go on at most.

        Raises:
            InvalidRequest: the cursor is none of this.
        """
        act = _count if dry_run else self._replay
        return await self._each_page(wanted, act, cursor=cursor, within=within)

    async def replay_some(self, job_ids: Sequence[str], *, dry_run: bool = False) -> Swept:
        """Queue those of these jobs that are dead again, see `replay`."""
        return await self._some(job_ids, _count if dry_run else self._replay)

    async def purge(
        self,
        wanted: JobFilter,
        *,
        dry_run: bool = False,
        cursor: str | None = None,
        within: float = FOREVER,
    ) -> Swept:
        """Forget dead jobs; arguments as for `replay`.

        One whose end other jobs have still to be told stays for that long and is not counted.
        """
        act = _count if dry_run else self._purge
        return await self._each_page(wanted, act, cursor=cursor, within=within)

    async def purge_some(self, job_ids: Sequence[str], *, dry_run: bool = False) -> Swept:
        """Forget those of these jobs that are dead, see `purge`."""
        return await self._some(job_ids, _count if dry_run else self._purge)

    async def _each_page(
        self,
        wanted: JobFilter,
        act: Callable[[Sequence[Job]], Awaitable[int]],
        *,
        cursor: str | None,
        within: float,
    ) -> Swept:
        until, count, test = monotonic() + within, 0, wanted.test()
        while True:
            page = await self._broker.list_jobs(
                State.DEAD, queue=wanted.queue, wanted=test, limit=MAX_PAGE, cursor=cursor
            )
            count += await act(page.jobs)
            cursor = page.cursor
            if cursor is None or monotonic() >= until:
                return Swept(count, more=cursor is not None, cursor=cursor)

    async def _some(
        self, job_ids: Sequence[str], act: Callable[[Sequence[Job]], Awaitable[int]]
    ) -> Swept:
        count = 0
        for job_id in dict.fromkeys(job_ids):
            job = await self._broker.get(job_id)
            if job is not None and job.state is State.DEAD:
                count += await act([job])
        return Swept(count)

    async def _replay(self, jobs: Sequence[Job]) -> int:
        answers = await self._broker.operator.replay([job.id for job in jobs])
        replayed = [
            job for job, answer in zip(jobs, answers, strict=True) if answer is RetryResult.QUEUED
        ]
        for job in replayed:
            JOBS_ENQUEUED.labels(queue_label(job.queue), job.type).inc()
        return len(replayed)

    async def _purge(self, jobs: Sequence[Job]) -> int:
        return await self._broker.operator.purge(State.DEAD, [job.id for job in jobs])


async def _count(jobs: Sequence[Job]) -> int:
    return len(jobs)
