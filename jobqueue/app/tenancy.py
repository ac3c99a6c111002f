"""The use cases as one tenant has them: the jobs of all others are as if they were not there."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

import msgspec
from typing_extensions import override

from jobqueue.access import key_within
from jobqueue.app.dead import DeadLetters
from jobqueue.app.flow_requests import FlowRequest, place_of
from jobqueue.app.flows import Flows
from jobqueue.app.jobs import job_not_found
from jobqueue.app.listing import JobFilter
from jobqueue.app.operations import DocumentInfo, Operations
from jobqueue.app.requests import JobFields, JobRequest
from jobqueue.app.sweeping import Swept
from jobqueue.app.waiting import Waiting
from jobqueue.broker.broker import Broker
from jobqueue.errors import FieldError, InvalidRequest, UnknownParent
from jobqueue.job_log import LogLine
from jobqueue.jobs.report_documents import job_of_document
from jobqueue.model import Delivery, Job, Page, Submitted
from jobqueue.submission import Accepted, Durability

Fields = TypeVar("Fields", bound=JobFields)

Read = Callable[[str], Awaitable[Job]]
"""Gives a job of the tenant; raises JobNotFound where there is none."""


class TenantOperations(Operations):
    """A view of the use cases for a caller that is confined to a tenant.

    What is about all tenants, such as queues and workers, is not confined here: the routes to it
    are closed to such callers.

    Args:
        shared: those of all tenants, whose connections and caches it uses.
        tenant: whose jobs alone there are.
    """

    def __init__(self, shared: Operations, tenant: str) -> None:
        vars(self).update(vars(shared))
        self._tenant = tenant
        self.waiting = _Waiting(self._broker, self.read)
        self.dead = _DeadLetters(self._broker, tenant)
        self.flows = _Flows(self.flows, tenant)
        self.templates = shared.templates.for_jobs(self)

    @override
    async def submit(
        self,
        request: JobRequest,
        *,
        payload_path: str = "/payload",
        durability: Durability | None = None,
    ) -> Submitted:
        """See `Jobs.submit`; raises UnknownParent where it waits for another tenant's job."""
        request = confined(request, self._tenant)
        await self._check_parents([request])
        return await super().submit(request, payload_path=payload_path, durability=durability)

    @override
    async def accept(
        self, request: JobRequest, *, durability: Durability | None = None
    ) -> Accepted:
        """See `submit`."""
        request = confined(request, self._tenant)
        await self._check_parents([request])
        return await super().accept(request, durability=durability)

    @override
    async def submit_many(
        self, requests: Sequence[JobRequest], *, durability: Durability | None = None
    ) -> list[Accepted]:
        """See `submit`."""
        requests = [
            confined(request, self._tenant, at=f"/{index}")
            for index, request in enumerate(requests)
        ]
        await self._check_parents(requests)
        return await super().submit_many(requests, durability=durability)

    @override
    async def read(self, job_id: str) -> Job:
        """The job of this id; JobNotFound where there is none, or it is another tenant's."""
        job = await super().read(job_id)
        if job.options.tenant != self._tenant:
            raise job_not_found(job_id)
        return job

    @override
    async def logs(self, job_id: str) -> list[LogLine]:
        """See `Jobs.logs`."""
        await self.read(job_id)
        return await super().logs(job_id)

    @override
    async def timeline(self, job_id: str) -> list[Delivery]:
        """See `Jobs.timeline`."""
        await self.read(job_id)
        return await super().timeline(job_id)

    @override
    async def list_jobs(self, wanted: JobFilter, *, limit: int, cursor: str | None) -> Page:
        """A page of the tenant's jobs."""
        ours = filter_within(wanted, self._tenant)
        if ours is None:
            return Page([], None)
        return await super().list_jobs(ours, limit=limit, cursor=cursor)

    @override
    async def retry(self, job_id: str) -> Job:
        """See `Jobs.retry`."""
        await self.read(job_id)
        return await super().retry(job_id)

    @override
    async def document(self, job_id: str) -> DocumentInfo:
        """The document that a job made, not one that its result merely names."""
        document = await super().document(job_id)
        job = await self.read(job_id)
        if job_of_document(document.key) != job.id:
            raise job_not_found(job_id)
        return document

    async def _check_parents(self, requests: Iterable[JobRequest]) -> None:
        ids = {parent.id for request in requests for parent in request.parents()}
        for parent_id, job in zip(
            ids, await asyncio.gather(*map(self._broker.get, ids)), strict=True
        ):
            if job is None or job.options.tenant != self._tenant:
                problem = f"there is no job {parent_id}: it never was, or its retention is over"
                raise UnknownParent(problem, (FieldError("/depends_on", problem),))


class _Waiting(Waiting):
    """A tenant's jobs that wait."""

    def __init__(self, broker: Broker, read: Read) -> None:
        super().__init__(broker)
        self._check_ours = read

    @override
    async def promote(self, job_id: str) -> Job:
        await self._check_ours(job_id)
        return await super().promote(job_id)

    @override
    async def reschedule(self, job_id: str, run_at: datetime) -> Job:
        await self._check_ours(job_id)
        return await super().reschedule(job_id, run_at)

    @override
    async def prioritize(self, job_id: str, priority: str | int) -> Job:
        await self._check_ours(job_id)
        return await super().prioritize(job_id, priority)

    @override
    async def move(self, job_id: str, queue: str) -> Job:
        await self._check_ours(job_id)
        return await super().move(job_id, queue)


class _DeadLetters(DeadLetters):
    """A tenant's dead jobs."""

    def __init__(self, broker: Broker, tenant: str) -> None:
        super().__init__(broker)
        self._tenant = tenant

    @override
    async def _each_page(
        self,
        wanted: JobFilter,
        act: Callable[[Sequence[Job]], Awaitable[int]],
        *,
        cursor: str | None,
        within: float,
    ) -> Swept:
        ours = filter_within(wanted, self._tenant)
        if ours is None:
            return Swept(0)
        return await super()._each_page(ours, act, cursor=cursor, within=within)

    @override
    async def _some(
        self, job_ids: Sequence[str], act: Callable[[Sequence[Job]], Awaitable[int]]
    ) -> Swept:
        async def act_on_ours(jobs: Sequence[Job]) -> int:
            ours = [job for job in jobs if job.options.tenant == self._tenant]
            return await act(ours) if ours else 0

        return await super()._some(job_ids, act_on_ours)


class _Flows(Flows):
    """Flows of a tenant's jobs."""

    def __init__(self, shared: Flows, tenant: str) -> None:
        vars(self).update(vars(shared))
        self._tenant = tenant

    @override
    async def submit(
        self, flow: FlowRequest, *, durability: Durability | None = None
    ) -> dict[str, Accepted]:
        steps = {
            name: confined(step, self._tenant, at=f"/{place_of(name)}")
            for name, step in flow.steps.items()
        }
        key = None if flow.key is None else key_within(self._tenant, flow.key)
        return await super().submit(FlowRequest(steps, key), durability=durability)


def confined(request: Fields, tenant: str, *, at: str = "") -> Fields:
    """A request for a job as a tenant means it: the job is its own, and so are its keys.

    Args:
        request: what is wanted.
        tenant: who wants it.
        at: where the request is in its call (JSON pointer).

    Raises:
        InvalidRequest: it is for another tenant.
    """
    if request.tenant not in {None, tenant}:
        problem = f"who calls is confined to {tenant!r}: leave it out"
        raise InvalidRequest(
            "the job is for another tenant", (FieldError(f"{at}/tenant", problem),)
        )
    unique = request.unique
    if unique is not None:
        unique = msgspec.structs.replace(unique, key=key_within(tenant, unique.key))
    key = None if request.key is None else key_within(tenant, request.key)
    return msgspec.structs.replace(request, tenant=tenant, key=key, unique=unique)


def filter_within(wanted: JobFilter, tenant: str) -> JobFilter | None:
    """A filter that lets a tenant's jobs pass only; None: it lets none pass."""
    if wanted.tenant not in {None, tenant}:
        return None
    return msgspec.structs.replace(wanted, tenant=tenant)
