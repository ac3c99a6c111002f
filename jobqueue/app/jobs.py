"""The use cases of single jobs: submit, read, wait, list, cancel, retry."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable, Sequence

import msgspec

from jobqueue.app.catalog import Catalog
from jobqueue.app.contents import Contents
from jobqueue.app.dead import DeadLetters
from jobqueue.app.family import Family
from jobqueue.app.flows import Flows
from jobqueue.app.listing import JobFilter, list_jobs
from jobqueue.app.queues import Queues
from jobqueue.app.requests import JobRequest
from jobqueue.app.schedules import Schedules
from jobqueue.app.submission import Submitter
from jobqueue.app.waiting import Waiting
from jobqueue.broker.broker import Broker, Event
from jobqueue.conflicts import (
    AlreadyFinished,
    JobCancelled,
    JobFailed,
    NotReady,
    NotRetryable,
    UniqueKeyHeld,
)
from jobqueue.errors import JobNotFound, RedisFull, RedisUnavailable
from jobqueue.job_log import LogLine
from jobqueue.metrics import JOBS_ENQUEUED, JOBS_FINISHED, queue_label
from jobqueue.model import CancelResult, Delivery, Job, Outcome, Page, RetryResult, Submitted
from jobqueue.registry import Registry
from jobqueue.settings import LimitSettings
from jobqueue.state import State
from jobqueue.submission import Accepted, Durability

RECONNECT_DELAY = 0.5
"""Seconds before a broken subscription is made again: a Redis restart is not hammered."""


class Jobs:
    """What clients can do with jobs.

    The payload and the result of a job are as Redis has them, large ones as references, until
    `fetch` or `result` has got them.

    Attributes:
        schedules: jobs that are made again and again.
        waiting: what operators do with jobs that wait.
        dead: what they do with dead ones.
        queues: what they do with whole queues.
        flows: many jobs that wait for each other.
        family: what running jobs know of others.
    """

    def __init__(
        self, broker: Broker, registry: Registry, limits: LimitSettings, contents: Contents
    ) -> None:
        self.limits = limits
        self._broker = broker
        self._contents = contents
        self._catalog = Catalog(broker, registry)
        self._submitter = Submitter(broker, self._catalog, limits, contents)
        self.schedules = Schedules(broker, self._submitter, contents)
        self.waiting = Waiting(broker)
        self.dead = DeadLetters(broker)
        self.queues = Queues(broker)
        self.flows = Flows(broker, self._submitter, limits, contents)
        self.family = Family(broker, self._submitter, contents)

    async def submit(
        self,
        request: JobRequest,
        *,
        payload_path: str = "/payload",
        durability: Durability | None = None,
    ) -> Submitted:
        """Enqueue one job; see `Submitter.submit`."""
        return await self._submitter.submit(
            request, payload_path=payload_path, durability=durability
        )

    async def accept(
        self, request: JobRequest, *, durability: Durability | None = None
    ) -> Accepted:
        """Enqueue one job; see `Submitter.accept`."""
        return await self._submitter.accept(request, durability=durability)

    async def submit_many(
        self, requests: Sequence[JobRequest], *, durability: Durability | None = None
    ) -> list[Accepted]:
        """Enqueue all of `requests` or none; see `Submitter.submit_many`."""
        return await self._submitter.submit_many(requests, durability=durability)

    async def read(self, job_id: str) -> Job:
        """The job of this id.

        Raises:
            JobNotFound: there is none.
        """
        job = await self._broker.get(job_id)
        if job is None:
            raise job_not_found(job_id)
        return job

    async def fetch(self, job: Job, parts: Collection[str]) -> Job:
        """`job` with its `payload` and `result`, those named in `parts`, as they really are.

        Raises:
            ContentGone: one of them is not in the storage.
            StorageUnavailable: the storage does not answer.
        """
        return await self._contents.fill(job, parts)

    async def fetch_all(self, jobs: Iterable[Job], parts: Collection[str]) -> list[Job]:
        """Each of `jobs` as `fetch` gives it."""
        return await self._contents.fill_all(jobs, parts)

    async def result(self, job_id: str) -> Job:
        """The job of this id, which is completed, with its result.

        Raises:
            JobNotFound: there is none.
            NotReady: it has not ended.
            JobFailed: it is dead.
            JobCancelled: it was cancelled.
            ContentGone: its result is not in the storage.
            StorageUnavailable: the storage does not answer.
        """
        return await self.fetch(completed(await self.read(job_id)), ("result",))

    async def logs(self, job_id: str) -> list[LogLine]:
        """What the handlers of a job logged: its newest lines, oldest first.

        Raises:
            JobNotFound: there is none.
        """
        lines = await self._broker.logs(job_id)
        if not lines:
            await self.read(job_id)
        return lines

    async def timeline(self, job_id: str) -> list[Delivery]:
        """How a job's deliveries before its last one ended, oldest first; the newest 50.

        Raises:
            JobNotFound: there is no such job.
        """
        deliveries = await self._broker.timeline(job_id)
        if not deliveries:
            await self.read(job_id)
        return deliveries

    async def list_jobs(self, wanted: JobFilter, *, limit: int, cursor: str | None) -> Page:
        """A page of jobs; see `list_jobs`."""
        return await list_jobs(self._broker, wanted, limit=limit, cursor=cursor)

    async def cancel(self, job_id: str) -> Job:
        """Cancel a job; in the answer it is cancelled, or still running and told to stop.

        Raises:
            JobNotFound: there is none.
            AlreadyFinished: it has ended.
        """
        job = await self.read(job_id)
        match await self._broker.cancel(job_id):
            case CancelResult.NOT_FOUND:
                raise job_not_found(job_id)
            case CancelResult.ALREADY_FINISHED:
                raise AlreadyFinished(f"job {job_id} has ended: there is nothing to cancel")
            case CancelResult.CANCELLED:
                label = queue_label(job.queue)
                JOBS_FINISHED.labels(label, job.type, Outcome.CANCELLED.value).inc()
                # retention may have removed it already
                gone = msgspec.structs.replace(job, state=State.CANCELLED)
                return await self._broker.get(job_id) or gone
            case CancelResult.REQUESTED:
                asked = msgspec.structs.replace(job, state=State.ACTIVE, cancel_requested=True)
                return await self._broker.get(job_id) or asked

    async def retry(self, job_id: str) -> Job:
        """Queue a dead or cancelled job again under its id.

        Raises:
            JobNotFound: there is none.
            NotRetryable: it is neither dead nor cancelled.
        """
        match await self._broker.retry(job_id):
            case RetryResult.NOT_FOUND:
                raise job_not_found(job_id)
            case RetryResult.NOT_RETRYABLE:
                raise NotRetryable(
                    f"job {job_id} is neither dead nor cancelled: only those can be retried"
                )
            case RetryResult.DUPLICATE:
                raise UniqueKeyHeld(
                    f"another job holds the unique key of {job_id}: retry it when that has ended"
                )
            case RetryResult.QUEUED:
                job = await self.read(job_id)
                JOBS_ENQUEUED.labels(queue_label(job.queue), job.type).inc()
                return job

    async def ended(self, job_id: str) -> Job:
        """Wait until a job has ended, over outages of Redis too.

        Raises:
            JobNotFound: it is gone: its retention is over.
        """
        while True:
            try:
                # subscribed before the look, so that no end falls between the two
                async with self._broker.events(job_id) as events:
                    job = await self.read(job_id)
                    while job.id == job_id and not job.state.is_final:
                        await _event_to_look_at(events)
                        job = await self.read(job_id)
                    if job.state.is_final:
                        return job
                    job_id = job.id  # it was moved: its events have its other id now
            except (RedisUnavailable, RedisFull):
                await asyncio.sleep(RECONNECT_DELAY)

    async def changes(self, job_id: str) -> AsyncGenerator[Job, None]:
        """The job as it is, and again after each change until it has ended; over outages of Redis.

        Changes that follow each other fast may be seen as one.

        Raises:
            JobNotFound: it is gone: its retention is over.
        """
        job: Job | None = None
        while job is None or not job.state.is_final:
            try:
                here = job.id if job else job_id
                # subscribed before the look, so that no change falls between the two
                async with self._broker.events(here) as events:
                    async for seen in self._looks(here, events):
                        yield seen
                        job = seen
            except (RedisUnavailable, RedisFull):
                await asyncio.sleep(RECONNECT_DELAY)

    async def _looks(self, job_id: str, events: AsyncIterator[Event]) -> AsyncGenerator[Job, None]:
        """The job now and after each event, while these are its events: until it ends or moves."""
        job = await self.read(job_id)
        yield job
        if job.state.is_final or job.id != job_id:
            return
        async for _ in events:
            job = await self.read(job_id)
            yield job
            if job.state.is_final or job.id != job_id:
                return

    def max_attempts(self, job: Job) -> int:
        """Attempts that a job has in all, as far as its type is known here."""
        if job.options.max_attempts is not None:
            return job.options.max_attempts
        job_type = self._catalog.seen(job.type)
        return job_type.retry.max_attempts if job_type else self.limits.max_attempts


def completed(job: Job) -> Job:
    """`job`, when it has a result; raises what says why not."""
    match job.state:
        case State.COMPLETED:
            return job
        case State.DEAD:
            why = job.failure.message if job.failure else "no reason is known"
            raise JobFailed(f"job {job.id} is dead ({job.reason}): {why}")
        case State.CANCELLED:
            raise JobCancelled(f"job {job.id} was cancelled")
        case _:
            raise NotReady(f"job {job.id} is {job.state}: ask again when it has ended")


async def _event_to_look_at(events: AsyncIterator[Event]) -> None:
    """Wait until a job has ended or waits: only then can it have been moved."""
    async for event in events:
        if event.status is not State.ACTIVE:
            return


def job_not_found(job_id: str) -> JobNotFound:
    """What is raised where there is no job of this id."""
    return JobNotFound(f"there is no job {job_id!r}: it never was, or its retention is over")
