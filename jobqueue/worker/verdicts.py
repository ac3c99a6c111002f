"""What an attempt's end means for its job: pure, no I/O."""

import traceback
from collections.abc import Mapping
from types import TracebackType
from typing import Any, get_args

from jobqueue.app.codec import to_json
from jobqueue.app.family import Policy
from jobqueue.app.references import is_reference
from jobqueue.errors import (
    Cancelled,
    JobOutcome,
    RateLimited,
    Snooze,
    UnknownType,
    Unrecoverable,
    WaitForChildren,
)
from jobqueue.ids import split_job_id
from jobqueue.model import ClaimedJob, Failure, Outcome, Verdict
from jobqueue.retry import Retry
from jobqueue.submission import Parent
from jobqueue.worker.backoffs import delay_after

MAX_MESSAGE = 2000
"""Characters of an error message that are kept: a job's status stays readable in a list."""

MAX_CODE = 100
"""Characters of an error code that are kept; a code is a word, not a text."""

MAX_TRACEBACK = 8192
"""Characters of a traceback that are kept, its end first: that is where the error is."""

RETRY_DECLINED = "retry_declined"
"""Reason of a job that had attempts left, and whose backoff function wanted none of them."""

_CALLERS = (f"{__package__}.", "jobqueue.app.calling.")
"""Where a handler is called from: frames that say nothing to users."""

NULL = b"null"
"""The result of a handler that returns nothing."""


def completed(job: ClaimedJob, value: Any, *, limit: int) -> Verdict:
    """The handler returned `value`; dead when that is no JSON or over `limit` bytes."""
    if value is None:
        return Verdict(job.id, job.token, Outcome.COMPLETED, result=NULL)
    try:
        result = to_json(value)
    except Exception as error:  # noqa: BLE001 - whatever a user's value raises, it is no result
        return dead(job, "result_not_json", f"the handler's return value is not JSON: {error}")
    if is_reference(result):  # a handler can return bytes as they are, and these are no JSON
        return dead(job, "result_not_json", "the handler's return value begins with byte 1")
    if len(result) > limit:
        message = (
            f"the result has {len(result)} bytes, the limit is {limit} (limits.result): "
            "store it elsewhere and return where it is"
        )
        return dead(job, "result_too_large", message)
    return Verdict(job.id, job.token, Outcome.COMPLETED, result=result)


def failed(job: ClaimedJob, retry: Retry, error: BaseException) -> Verdict:
    """The handler raised: what it asked for, else another attempt while there are any."""
    try:
        return _after(job, retry, error)
    except Exception as broken:  # noqa: BLE001 - a user's exception may raise whenever it is read
        name = type(error).__name__
        unreadable = RuntimeError(f"{name} cannot be read: {type(broken).__name__}")
        return _after(job, retry, unreadable)


def _after(job: ClaimedJob, retry: Retry, error: BaseException) -> Verdict:
    if isinstance(error, JobOutcome) and (verdict := _chosen(job, error)):
        return verdict
    failure = _failure(job, error)
    return try_again(job, retry, error, failure, reason="attempts_exhausted")


def timed_out(job: ClaimedJob, retry: Retry, timeout: float) -> Verdict:
    """The attempt was stopped at its deadline, `timeout` seconds after its start."""
    message = f"stopped after {timeout:g} s"
    failure = Failure("timeout", message, attempt=job.attempt)
    return try_again(job, retry, TimeoutError(message), failure, reason="timeout")


def unknown_type(job: ClaimedJob, retry: Retry) -> Verdict:
    """This worker has no handler for the job; a newer one may."""
    message = f"no handler for job type {job.type!r} in this worker: start one that has it"
    failure = Failure("unknown_type", message, attempt=job.attempt)
    return try_again(job, retry, UnknownType(message), failure, reason="unknown_type")


def returned(job: ClaimedJob) -> Verdict:
    """The job goes back to its lane as it came, nothing spent."""
    return Verdict(job.id, job.token, Outcome.RETURNED)


def cancelled(job: ClaimedJob, reason: str = "cancelled") -> Verdict:
    """Somebody cancelled the job while it ran, or its handler says that nobody needs it."""
    return Verdict(
        job.id, job.token, Outcome.CANCELLED, reason=_kept(reason, MAX_CODE) or "cancelled"
    )


def dead(job: ClaimedJob, reason: str, message: str) -> Verdict:
    """Nothing is left to try."""
    code = _kept(reason, MAX_CODE)
    failure = Failure(code, _kept(message, MAX_MESSAGE), attempt=job.attempt)
    return Verdict(job.id, job.token, Outcome.DEAD, failure=failure, reason=code)


def try_again(
    job: ClaimedJob, retry: Retry, error: BaseException, failure: Failure, *, reason: str
) -> Verdict:
    """A failed attempt: after the backoff again, or dead with `reason` when it was the last."""
    if job.attempt >= (job.options.max_attempts or retry.max_attempts):
        return Verdict(job.id, job.token, Outcome.DEAD, failure=failure, reason=reason)
    delay = delay_after(job, retry, error)
    if delay is None:
        return Verdict(job.id, job.token, Outcome.DEAD, failure=failure, reason=RETRY_DECLINED)
    return Verdict(job.id, job.token, Outcome.RETRY, delay_ms=round(delay * 1000), failure=failure)


def _chosen(job: ClaimedJob, error: JobOutcome) -> Verdict | None:
    """What the handler asked for; None for an outcome of the user's own, which is an error."""
    match error:
        case Unrecoverable():
            return dead(job, error.code, str(error))
        case Cancelled():
            return cancelled(job, error.reason)
        case Snooze() | RateLimited():
            snoozed = isinstance(error, Snooze)
            outcome = Outcome.SNOOZE if snoozed else Outcome.RATE_LIMITED
            return Verdict(job.id, job.token, outcome, delay_ms=round(error.delay * 1000))
        case WaitForChildren() if error.job_id == job.id and _can_wait(job, error.children):
            parents = tuple(Parent(child, policy) for child, policy in error.children.items())
            return Verdict(job.id, job.token, Outcome.WAIT, parents=parents)
        case _:
            return None


def _can_wait(job: ClaimedJob, children: Mapping[str, str]) -> bool:
    """Whether these are jobs for which one can wait; `JobContext.children` gives no others."""
    known = all(map(split_job_id, children)) and set(children.values()) <= set(get_args(Policy))
    return known and job.id not in children


def _failure(job: ClaimedJob, error: BaseException) -> Failure:
    code = getattr(error, "code", None)
    name = type(error).__name__
    lines = traceback.format_exception(type(error), error, _users_frames(error))
    return Failure(
        code=_kept(code if isinstance(code, str) and code else name, MAX_CODE),
        message=_kept(str(error) or name, MAX_MESSAGE),
        attempt=job.attempt,
        traceback=_kept("".join(lines)[-MAX_TRACEBACK:], MAX_TRACEBACK),
    )


def _users_frames(error: BaseException) -> TracebackType | None:
    """The traceback from the handler on: how the worker called it says nothing."""
    frames = error.__traceback__
    while frames and frames.tb_frame.f_globals.get("__name__", "").startswith(_CALLERS):
        frames = frames.tb_next
    return frames


def _kept(text: str, length: int) -> str:
    """The start of `text` without lone surrogates, as file names have them: no UTF-8 has."""
    return text[:length].encode(errors="replace").decode()
