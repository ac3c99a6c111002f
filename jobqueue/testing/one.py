"""One handler, run here and now."""

import asyncio
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from jobqueue.app.codec import to_json
from jobqueue.app.handlers import HandlerFunction
from jobqueue.app.queue import JobQueue
from jobqueue.context import JobContext
from jobqueue.ids import new_job_id
from jobqueue.model import Progress
from jobqueue.registry import JobType

NOTHING: Mapping[str, Any] = {}


class Run(msgspec.Struct):
    """What became of a run, and what the handler told on the way.

    Attributes:
        result: what a producer's `handle.result()` would give.
        progress: each call of `job.progress`, in order.
        log: each line of `job.log`.
    """

    result: Any = None
    progress: list[Progress] = msgspec.field(default_factory=list)
    log: list[str] = msgspec.field(default_factory=list)


async def run_job(
    app: JobQueue,
    type: str | HandlerFunction,  # noqa: A002 - the field's name everywhere
    payload: Any = None,
    *,
    attempt: int = 1,
    parents: Mapping[str, Any] = NOTHING,
    children: Sequence[Sequence[Any]] = (),
    replaced: Mapping[str, Any] = NOTHING,
) -> Run:
    """Run a handler of `app` as a worker does, without Redis: in a thread or process, too.

    Its payload and result go through JSON, its call through the middleware. It is stopped at its
    timeout. A handler of batches is given a batch of one.

    Args:
        app: where the type is defined; it need not be open.
        type: the job type, or its handler.
        payload: as for `JobQueue.enqueue`.
        attempt: the number of this attempt.
        parents: what `job.parents()` gives.
        children: what each call of `job.children()` gives, in their order.
        replaced: values to give to the handler instead of opening the lifespans of these names.

    Raises:
        InvalidRequest: the payload is wrong, as it would be at the submit.
        TimeoutError: the timeout of the type was over.
        Exception: what the handler raised.
    """
    job_type = _type_of(app, app.name_of(type))
    run = Run()
    parsed = job_type.parse(to_json(payload))
    async with app.started(replaced=replaced), asyncio.timeout(job_type.timeout):
        job = _context(run, job_type, attempt, parents, _Relatives(parents, children))
        value = await _call(job_type, job, parsed)
    run.result = app.parse_result(job_type.name, to_json(value))
    return run


class _Relatives:
    """What the test says of other jobs."""

    def __init__(self, parents: Mapping[str, Any], children: Sequence[Sequence[Any]]) -> None:
        self._parents = parents
        self._children = children

    async def parents(self, job_id: str, parents: Iterable[str]) -> dict[str, Any]:
        """What `run_job` was given for them."""
        del job_id
        return {parent: self._parents[parent] for parent in parents}

    async def children(
        self, job_id: str, call: int, jobs: Iterable[Mapping[str, Any]]
    ) -> list[Any]:
        """What `run_job` was given for this call."""
        count = len([*jobs])
        if call > len(self._children) or len(self._children[call - 1]) != count:
            raise AssertionError(
                f"job {job_id} adds {count} children in its call {call} of job.children(): give "
                "run_job their results as `children`"
            )
        return [*self._children[call - 1]]


def _type_of(app: JobQueue, name: str) -> JobType:
    job_type = app.registry.get(name)
    if job_type is None:
        known = ", ".join(sorted(each.name for each in app.registry)) or "none"
        raise LookupError(f"the app has no job type {name!r}; it has {known}")
    return job_type


def _context(
    run: Run, job_type: JobType, attempt: int, parents: Iterable[str], relatives: _Relatives
) -> JobContext:
    return JobContext(
        id=new_job_id(job_type.queue),
        type=job_type.name,
        attempt=attempt,
        max_attempts=job_type.retry.max_attempts,
        token=secrets.token_hex(16),
        deadline=asyncio.get_running_loop().time() + job_type.timeout,
        report=lambda _job_id, progress: run.progress.append(progress),
        log=lambda _job_id, _token, line: run.log.append(line),
        parents=parents,
        relatives=relatives,
    )


async def _call(job_type: JobType, job: JobContext, payload: Any) -> Any:
    if job_type.handler is None:
        raise LookupError(f"the job type {job_type.name!r} has no handler here")
    if job_type.batch is None:
        return await job_type.handler(job, payload)
    (value,) = await job_type.handler([job], [payload])
    if isinstance(value, BaseException):
        raise value
    return value
