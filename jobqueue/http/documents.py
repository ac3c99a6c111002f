"""What the API answers about jobs: the shapes, and how a job becomes one."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from jobqueue.jobs.report_generation import DOCUMENT_PATH
from jobqueue.jobs.report_generation import NAME as REPORT_TYPE
from jobqueue.model import Delivery, Job, Progress
from jobqueue.state import State

PREFIX = "/api/v1"

NULL = Raw(b"null")


class ProgressDocument(msgspec.Struct):
    """How far a running job is."""

    percent: float
    message: str | None
    updated_at: str | None


class ErrorDocument(msgspec.Struct):
    """Why the last failed attempt failed; `traceback` only where it was asked for."""

    code: str
    message: str
    attempt: int
    traceback: str | UnsetType | None = UNSET


class DeliveryDocument(msgspec.Struct):
    """How one delivery ended; the last one of a job is in the job itself.

    `moved_from` is there only in an entry that says when the job came from another queue, and
    which id it had there.
    """

    outcome: str
    started_at: str | None
    ended_at: str
    worker_id: str | None
    error: str | None
    moved_from: str | UnsetType = UNSET


class JobDocument(msgspec.Struct, kw_only=True):
    """A job. Times are RFC 3339 in UTC; what is UNSET is there only where it was asked for."""

    id: str
    type: str
    queue: str
    state: State
    priority: str
    tenant: str | None
    tags: tuple[str, ...]
    attempt: int
    max_attempts: int
    deliveries: int
    progress: ProgressDocument | None
    result: Raw | UnsetType
    error: ErrorDocument | None
    reason: str | None
    worker_id: str | None
    created_at: str
    run_at: str | None
    started_at: str | None
    finished_at: str | None
    links: dict[str, str]
    payload: Raw | UnsetType
    metadata: dict[str, Any] | UnsetType
    duplicate: bool | UnsetType = UNSET
    timeline: list[DeliveryDocument] | UnsetType = UNSET


class StatusDocument(msgspec.Struct):
    """The part of a job that changes."""

    id: str
    state: State
    attempt: int
    max_attempts: int
    progress: ProgressDocument | None
    error: ErrorDocument | None
    reason: str | None


class JobProgressDocument(msgspec.Struct):
    """How far a job is: zero before it reports anything, 100 once it is completed."""

    id: str
    state: State
    percent: float
    message: str | None
    updated_at: str | None


class ResultDocument(msgspec.Struct):
    """What a completed job's handler returned."""

    id: str
    state: State
    result: Raw


class JobPage(msgspec.Struct):
    """A part of a listing; `cursor` is null at its end."""

    jobs: list[JobDocument]
    cursor: str | None


class AcceptedDocument(msgspec.Struct):
    """One job of a bulk submit."""

    id: str
    state: State
    duplicate: bool | UnsetType = UNSET


class BulkDocument(msgspec.Struct):
    """The jobs of a bulk submit, in the order given."""

    jobs: list[AcceptedDocument]


TIMELINE = "timeline"
"""The part of a job document that only one job is read with."""

INCLUDABLE = ("payload", "result", "traceback", "metadata")
"""Parts of a job document that may be large, or show too much, and are only sent on demand."""


def job_document(job: Job, *, max_attempts: int, include: Iterable[str] = ()) -> JobDocument:
    """The document of a job.

    Args:
        job: the job.
        max_attempts: attempts that it has in all.
        include: which of `INCLUDABLE` to show.
    """
    options = job.options
    return JobDocument(
        id=job.id,
        type=job.type,
        queue=job.queue,
        state=job.state,
        priority=job.priority.label,
        tenant=options.tenant,
        tags=options.tags,
        attempt=job.attempt,
        max_attempts=max_attempts,
        deliveries=job.deliveries,
        progress=_progress(job, job.progress) if job.progress else None,
        result=_raw(job.result) if "result" in include else UNSET,
        error=_error(job, with_traceback="traceback" in include),
        reason=job.reason,
        worker_id=job.worker_id,
        created_at=timestamp(job.created_at_ms),
        run_at=_timestamp(job.run_at_ms),
        started_at=_timestamp(job.started_at_ms),
        finished_at=_timestamp(job.finished_at_ms),
        links=_links(job),
        payload=Raw(job.payload) if "payload" in include else UNSET,
        metadata=options.metadata if "metadata" in include else UNSET,
    )


def status_document(job: Job, *, max_attempts: int) -> StatusDocument:
    """The part of a job that changes."""
    return StatusDocument(
        id=job.id,
        state=job.state,
        attempt=job.attempt,
        max_attempts=max_attempts,
        progress=_progress(job, job.progress) if job.progress else None,
        error=_error(job, with_traceback=False),
        reason=job.reason,
    )


def progress_document(job: Job) -> JobProgressDocument:
    """How far a job is."""
    progress = _progress(job, job.progress or Progress(0.0))
    return JobProgressDocument(
        job.id, job.state, progress.percent, progress.message, progress.updated_at
    )


def result_document(job: Job) -> ResultDocument:
    """What a completed job's handler returned."""
    return ResultDocument(job.id, job.state, _raw(job.result))


def timeline_document(deliveries: list[Delivery]) -> list[DeliveryDocument]:
    """How a job's deliveries ended, oldest first."""
    return [
        DeliveryDocument(
            outcome=each.outcome,
            started_at=_timestamp(each.started_at_ms),
            ended_at=timestamp(each.ended_at_ms),
            worker_id=each.worker_id or None,
            error=each.error,
            moved_from=each.moved_from or UNSET,
        )
        for each in deliveries
    ]


def job_path(job_id: str) -> str:
    """Where a job is read."""
    return f"{PREFIX}/jobs/{job_id}"


def timestamp(milliseconds: int) -> str:
    """Unix time as RFC 3339 in UTC, to the millisecond."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{_whole_second(seconds)}.{rest:03d}Z"


@lru_cache(maxsize=256)
def _whole_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _timestamp(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else timestamp(milliseconds)


def _raw(result: bytes | None) -> Raw:
    return NULL if result is None else Raw(result)


def _progress(job: Job, progress: Progress) -> ProgressDocument:
    at = timestamp(progress.updated_at_ms) if progress.updated_at_ms else None
    if job.state is State.COMPLETED:  # whatever was reported last
        return ProgressDocument(100.0, None, at)
    return ProgressDocument(progress.percent, progress.message, at)


def _error(job: Job, *, with_traceback: bool) -> ErrorDocument | None:
    failure = job.failure
    if failure is None:
        return None
    return ErrorDocument(
        failure.code,
        failure.message,
        failure.attempt,
        failure.traceback if with_traceback else UNSET,
    )


def _links(job: Job) -> dict[str, str]:
    path = job_path(job.id)
    links = {"self": path, "status": f"{path}/status", "result": f"{path}/result"}
    if job.type == REPORT_TYPE:
        links["document"] = f"{DOCUMENT_PATH}/{job.id}"
    return links
