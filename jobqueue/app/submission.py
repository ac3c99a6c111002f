"""From a request to a job in its queue: everything that is checked before a job is accepted."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from jobqueue.app.bulk import BulkErrors, check_count
from jobqueue.app.catalog import Catalog
from jobqueue.app.checking import PRIORITIES, check_job
from jobqueue.app.contents import Contents
from jobqueue.app.grouping import group_of
from jobqueue.app.requests import JobRequest
from jobqueue.app.spreading import Spreader
from jobqueue.broker.broker import Broker
from jobqueue.errors import InvalidRequest, PayloadTooLarge
from jobqueue.ids import (
    ULID_LENGTH,
    created_at_ms,
    new_job_id,
    partition_of,
    queue_of,
)
from jobqueue.metrics import JOBS_ENQUEUED, queue_label
from jobqueue.model import Job, Submitted
from jobqueue.registry import JobType
from jobqueue.retry import DEFAULT_RETRY
from jobqueue.settings import LimitSettings
from jobqueue.state import State
from jobqueue.submission import (
    DEFAULT_OPTIONS,
    Accepted,
    Durability,
    JobOptions,
    NewJob,
)
from jobqueue.timing import milliseconds

if TYPE_CHECKING:
    from prometheus_client import Counter

KEPT_FOR_OTHERS = 3600.0
"""Seconds for which a job is kept at least that a job of another queue waits for: who waits hears
of its end through a reaper, and an hour without any is an outage of its own."""

CHECKED_AT_ONCE = 200
"""Jobs of a bulk that are checked before other callers get a turn: a few milliseconds."""


class Submitter:
    """Checks requests and enqueues them."""

    def __init__(
        self, broker: Broker, catalog: Catalog, limits: LimitSettings, contents: Contents
    ) -> None:
        self._broker = broker
        self._catalog = catalog
        self._limits = limits
        self._contents = contents
        self._spreader = Spreader(broker.partitioning)
        self._counters: dict[tuple[str, str], Counter] = {}

    async def submit(
        self,
        request: JobRequest,
        *,
        payload_path: str = "/payload",
        durability: Durability | None = None,
    ) -> Submitted:
        """Enqueue one job; gives it as it was accepted, or the job that stands for it.

        Args:
            request: what is wanted.
            payload_path: where the payload is in the caller's request, for error paths.
            durability: how safe the job is when this returns.

        Raises: what `accept` does.
        """
        job, accepted = await self._accept(request, payload_path, durability)
        if accepted.stands_for:
            # retention may have removed what is left of it
            found = await self._broker.get(accepted.id) or _as_job(job, accepted)
            return Submitted(found, accepted.stands_for)
        return Submitted(_as_job(job, accepted))

    async def accept(
        self, request: JobRequest, *, durability: Durability | None = None
    ) -> Accepted:
        """Enqueue one job; gives its id, or that of the job that stands for it.

        Raises:
            InvalidRequest: names each wrong field.
            PayloadTooLarge: the payload is over `limits.payload`.
            IdempotencyConflict: its key was used for another request.
            Backpressure: its queue or tenant has too many jobs.
            NotDurable: it is accepted, but maybe not as safe as asked.
            Unavailable: Redis, or the storage of a large payload, cannot take it now.
        """
        return (await self._accept(request, "/payload", durability))[1]

    async def _accept(
        self, request: JobRequest, payload_path: str, durability: Durability | None
    ) -> tuple[NewJob, Accepted]:
        (job,) = await self._spreader.spread([await self.prepare(request, payload_path)])
        stored = await self._contents.keep_payload(job)
        accepted = await self._broker.enqueue(stored, durability=durability)
        if not accepted.stands_for:
            self._counter(partition_of(job.id), job.type).inc()
        return job, accepted

    async def submit_many(
        self,
        requests: Sequence[JobRequest],
        *,
        durability: Durability | None = None,
        as_children: bool = False,
    ) -> list[Accepted]:
        """Enqueue all of `requests` or none; gives ids and states in their order.

        Args:
            requests: what is wanted.
            durability: how safe the jobs are when this returns.
            as_children: of a running job: whoever used an idempotency key before meant the same
                job, whatever else the request said, and each is kept until that job has heard.

        Raises:
            InvalidRequest: names each wrong field, paths start with the index.
            PayloadTooLarge: too many jobs, or a payload is over its limit.
            IdempotencyConflict: a key was used for another request.
            Backpressure: a queue or tenant has too many jobs.
            Unavailable: Redis, or the storage of a large payload, cannot take them now.
        """
        jobs = await self._prepare_all(requests)
        if not jobs:
            return []
        if as_children:
            jobs = [msgspec.structs.replace(kept_for_others(job), digest="same") for job in jobs]
        jobs = await self._contents.keep_payloads(await self._spreader.spread(jobs))
        accepted = await self._broker.enqueue_many(jobs, durability=durability)
        answered = zip(jobs, accepted, strict=True)
        self.count(job for job, answer in answered if not answer.stands_for)
        return accepted

    async def prepare(self, request: JobRequest, payload_path: str) -> NewJob:
        """A checked job; raises as `submit` does."""
        job_type = await self._catalog.find(request.type)
        return await self._checked(request, job_type, payload_path)

    async def _checked(self, request: JobRequest, job_type: JobType, payload_path: str) -> NewJob:
        payload, wrong = bytes(request.payload), None
        if job_type.prepare is not None and len(payload) <= self._limits.payload:
            try:
                payload = await job_type.prepare(payload)
            except InvalidRequest as error:
                wrong = error
        if len(payload) > self._limits.payload:
            raise PayloadTooLarge(
                f"the payload has {len(payload)} bytes, at most {self._limits.payload} are "
                "accepted (limits.payload): store large data elsewhere and send where it is"
            )
        check_job(request, job_type, payload, payload_path, wrong)
        return NewJob(
            id=new_job_id(request.queue or job_type.queue),
            type=job_type.name,
            payload=payload,
            priority=PRIORITIES[request.priority],
            delay_ms=round(request.delay * 1000) if request.delay else 0,
            run_at_ms=milliseconds(request.run_at) if request.run_at else 0,
            options=self._options(request, job_type),
            digest=request.digest() if request.key is not None else "",
            group=group_of(job_type.limit_key, payload) or request.tenant,
        )

    async def _prepare_all(self, requests: Sequence[JobRequest]) -> list[NewJob]:
        check_count(len(requests), self._limits)
        jobs: list[NewJob] = []
        types: dict[str, JobType] = {}
        wrong = BulkErrors()
        for index, request in enumerate(requests):
            if index % CHECKED_AT_ONCE == 0:
                await asyncio.sleep(0)
            try:
                job_type = types.get(request.type) or await self._catalog.find(request.type)
                jobs.append(await self._checked(request, job_type, "/payload"))
                types[request.type] = job_type
            except InvalidRequest as error:
                wrong.add(index, error)
            except PayloadTooLarge as error:
                raise PayloadTooLarge(f"job {index}: {error}") from None
        wrong.raise_any()
        return jobs

    def _options(self, request: JobRequest, job_type: JobType) -> JobOptions:
        max_attempts = request.max_attempts
        # a type's own policy beats the setting; `is`: a policy that equals the default was chosen
        if max_attempts is None and job_type.retry is DEFAULT_RETRY:
            default = self._limits.max_attempts
            max_attempts = default if default != DEFAULT_RETRY.max_attempts else None
        options = JobOptions(
            timeout=request.timeout,
            max_attempts=max_attempts,
            backoff=request.backoff.value() if request.backoff else None,
            tags=request.tags,
            metadata=request.metadata,
            tenant=request.tenant,
            key=request.key,
            unique=request.unique.value() if request.unique else None,
            expires_in=request.expires_in,
            depends_on=request.parents(),
            retention=job_type.retention if request.retention is None else request.retention,
        )
        return DEFAULT_OPTIONS if options == DEFAULT_OPTIONS else options

    def count(self, jobs: Iterable[NewJob]) -> None:
        """They are accepted: count them in the metrics."""
        numbers: dict[tuple[str, str], int] = defaultdict(int)
        for job in jobs:
            numbers[partition_of(job.id), job.type] += 1
        for (partition, job_type), number in numbers.items():
            self._counter(partition, job_type).inc(number)

    def _counter(self, partition: str, job_type: str) -> "Counter":
        counter = self._counters.get((partition, job_type))
        if counter is None:
            counter = JOBS_ENQUEUED.labels(queue_label(queue_of(partition)), job_type)
            self._counters[partition, job_type] = counter
        return counter


def kept_for_others(job: NewJob) -> NewJob:
    """`job`, kept until those have heard of its end that ask for it later."""
    retention = job.options.retention
    if retention is None or retention >= KEPT_FOR_OTHERS:
        return job
    options = msgspec.structs.replace(job.options, retention=KEPT_FOR_OTHERS)
    return msgspec.structs.replace(job, options=options)


def _as_job(job: NewJob, accepted: Accepted) -> Job:
    """The job as reading it back would show it, without the round trip."""
    created = created_at_ms(accepted.id[-ULID_LENGTH:])
    run_at = job.run_at_ms or (created + job.delay_ms if job.delay_ms else None)
    return Job(
        id=accepted.id,
        queue=queue_of(partition_of(job.id)),
        type=job.type,
        state=accepted.state,
        priority=job.priority,
        payload=job.payload,
        options=job.options,
        created_at_ms=created,
        run_at_ms=run_at if accepted.state is State.SCHEDULED else None,
    )
