"""The use case of flows: many jobs that wait for each other, in one call.

The jobs of one queue are accepted all or none. Those of several queues, which may live on several
servers, come in one queue after the other, each after the jobs that it waits for. What may refuse
them is asked of all queues before the first one is written to.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from jobqueue.app.bulk import BulkErrors, check_count
from jobqueue.app.contents import Contents
from jobqueue.app.flow_requests import FlowRequest, place_of
from jobqueue.app.submission import Submitter, kept_for_others
from jobqueue.broker.broker import Broker
from jobqueue.errors import InvalidRequest, PayloadTooLarge, UnknownParent
from jobqueue.ids import new_job_id, partition_of
from jobqueue.registry import DEFAULT_QUEUE
from jobqueue.settings import LimitSettings
from jobqueue.submission import Accepted, Durability, NewJob

TRIES = 3
"""How often a flow is sent whose jobs change places with those of another call: two calls of the
same key at once need two."""


class Flows:
    """Checks flows and enqueues them."""

    def __init__(
        self, broker: Broker, submitter: Submitter, limits: LimitSettings, contents: Contents
    ) -> None:
        self._broker = broker
        self._submitter = submitter
        self._limits = limits
        self._contents = contents

    async def submit(
        self, flow: FlowRequest, *, durability: Durability | None = None
    ) -> dict[str, Accepted]:
        """Enqueue all steps; gives their ids and states by name.

        Sending the same flow with the same key again completes what the first call may have left,
        and doubles nothing.

        Raises:
            InvalidRequest: names each wrong field.
            PayloadTooLarge: too many steps, or a payload is over its limit.
            IdempotencyConflict: the key was used for another flow.
            Backpressure: a queue or tenant has too many jobs.
            Unavailable: Redis, or the storage of a large payload, cannot take them now.
        """
        check_count(len(flow.steps), self._limits)
        jobs = _kept(await self._prepare(flow))
        stored = await self._contents.keep_payloads([*jobs.values()])
        accepted = await self._insist(stored, durability)
        self._submitter.count(job for job in stored if not accepted[job.id].stands_for)
        return {name: accepted[job.id] for name, job in jobs.items()}

    async def _prepare(self, flow: FlowRequest) -> dict[str, NewJob]:
        jobs: dict[str, NewJob] = {}
        ids: dict[str, str] = {}
        wrong = BulkErrors()
        for name, step in flow.steps.items():
            key = f"{flow.key}/{name}" if flow.key else None
            try:
                request = step.job(ids, key=key)
                job = await self._submitter.prepare(request, "/payload")
            except InvalidRequest as error:
                wrong.add(place_of(name), error)
                ids[name] = new_job_id(DEFAULT_QUEUE)  # the steps after it are checked all the same
                continue
            except PayloadTooLarge as error:
                raise PayloadTooLarge(f"step {name!r}: {error}") from None
            # of the step, not of the job: the ids of its parents differ from call to call
            digest = step.digest() if request.key else ""
            jobs[name], ids[name] = msgspec.structs.replace(job, digest=digest), job.id
        wrong.raise_any()
        return jobs

    async def _insist(
        self, jobs: Sequence[NewJob], durability: Durability | None
    ) -> dict[str, Accepted]:
        for _ in range(TRIES - 1):
            try:
                return await self._accept(jobs, durability)
            except UnknownParent:  # another call has brought one of these jobs in meanwhile
                continue
        return await self._accept(jobs, durability)

    async def _accept(
        self, jobs: Sequence[NewJob], durability: Durability | None
    ) -> dict[str, Accepted]:
        foreseen = await self._foresee(jobs)
        accepted = {
            job_id: answer for job_id, answer in foreseen.items() if answer.stands_for == "key"
        }
        names = {job_id: answer.id for job_id, answer in foreseen.items()}
        for wave in waves([job for job in jobs if job.id not in accepted]):
            renamed = [_with_parents(job, names) for job in wave]
            answers = await self._broker.enqueue_many(renamed, durability=durability)
            for job, answer in zip(wave, answers, strict=True):
                accepted[job.id] = answer
                names[job.id] = answer.id
        return accepted

    async def _foresee(self, jobs: Sequence[NewJob]) -> dict[str, Accepted]:
        """What would become of each job by itself, where that is not plain."""
        if all(_is_plain(job) for job in jobs) and len({partition_of(job.id) for job in jobs}) == 1:
            return {}
        alone = [_without_parents(job) for job in jobs]
        answers = await self._broker.foresee(alone)
        return {job.id: answer for job, answer in zip(jobs, answers, strict=True)}


def _kept(jobs: dict[str, NewJob]) -> dict[str, NewJob]:
    """`jobs`; where they come in queue by queue, each is kept that others wait for."""
    if len({partition_of(job.id) for job in jobs.values()}) == 1:
        return jobs
    awaited = {parent.id for job in jobs.values() for parent in job.options.depends_on}
    return {name: kept_for_others(job) if job.id in awaited else job for name, job in jobs.items()}


def waves(jobs: Sequence[NewJob]) -> Iterator[list[NewJob]]:
    """`jobs`, each after its parents, in calls of one queue whose parents are all there by then."""
    left, ours, done = list(jobs), {job.id for job in jobs}, set[str]()
    while left:
        queue = partition_of(left[0].id)
        wave: list[NewJob] = []
        rest: list[NewJob] = []
        for job in left:
            parents = {parent.id for parent in job.options.depends_on} & ours
            if partition_of(job.id) == queue and parents <= done:
                wave.append(job)
                done.add(job.id)
            else:
                rest.append(job)
        yield wave
        left = rest


def _is_plain(job: NewJob) -> bool:
    return job.options.key is None and job.options.unique is None


def _without_parents(job: NewJob) -> NewJob:
    options = msgspec.structs.replace(job.options, depends_on=())
    return msgspec.structs.replace(job, options=options)


def _with_parents(job: NewJob, names: Mapping[str, str]) -> NewJob:
    """`job` with the ids of the jobs that stand for its parents."""
    parents = tuple(
        msgspec.structs.replace(parent, id=names.get(parent.id, parent.id))
        for parent in job.options.depends_on
    )
    options = msgspec.structs.replace(job.options, depends_on=parents)
    return msgspec.structs.replace(job, options=options)
