"""How long a failed job waits: by a formula, or by a function of the user's."""

import structlog

from jobqueue.model import ClaimedJob
from jobqueue.outcomes import MAX_WAIT
from jobqueue.retry import Backoff, BackoffFunction, Retry

_log = structlog.get_logger(__name__)


def delay_after(job: ClaimedJob, retry: Retry, error: BaseException) -> float | None:
    """Seconds until the next attempt of a job whose attempt failed with `error`.

    A submit's own backoff wins over its type's.

    Returns:
        None when the type's function wants no further attempt.
    """
    backoff = job.options.backoff or retry.backoff
    if isinstance(backoff, Backoff):
        return backoff.seconds(job.attempt)
    return _asked(backoff, job, error)


def _asked(function: BackoffFunction, job: ClaimedJob, error: BaseException) -> float | None:
    """What the function says; the default backoff where it does not say anything sensible."""
    try:
        delay = function(job.attempt, error)
        if delay is None or 0 <= float(delay) <= MAX_WAIT:  # nan is neither
            return delay
        problem = f"returned {delay!r}"
    except Exception as broken:  # noqa: BLE001 - a user's function must not cost the job
        problem = f"raised {type(broken).__name__}: {broken}"
    _log.error("backoff_function_failed", job=job.id, type=job.type, problem=problem[:500])
    return Backoff().seconds(job.attempt)
