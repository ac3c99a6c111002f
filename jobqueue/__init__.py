"""A reliable job queue on Redis and an HTML-to-PDF report service, in one asyncio program."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from jobqueue.batch import Batch
from jobqueue.conflicts import (
    AlreadyFinished,
    AlreadyStarted,
    IdempotencyConflict,
    JobCancelled,
    JobFailed,
    NotMovable,
    NotReady,
    NotRetryable,
    QueueLimited,
    QueuePartitioned,
    StillBlocked,
    UniqueKeyHeld,
)
from jobqueue.context import JobContext
from jobqueue.errors import (
    Backpressure,
    Cancelled,
    Conflict,
    ContentGone,
    FieldError,
    InvalidRequest,
    JobNotFound,
    JobOutcome,
    JobqueueError,
    NotDurable,
    PayloadTooLarge,
    QueueFull,
    RateLimited,
    ScheduleNotFound,
    Snooze,
    StorageUnavailable,
    TenantFull,
    Unavailable,
    UnknownParent,
    UnknownType,
    Unrecoverable,
    WaitForChildren,
    WorkerNotFound,
)
from jobqueue.job_log import LogLine
from jobqueue.limits import GroupLimits, QueueLimits, Rate
from jobqueue.model import Failure, Job
from jobqueue.retry import Backoff, BackoffFunction, Retry
from jobqueue.state import State
from jobqueue.submission import Durability, Parent, Priority, Unique, UniqueMode

if TYPE_CHECKING:
    from jobqueue.app import JobHandle, JobQueue
    from jobqueue.schedule import Missed, Overlap, Schedule, ScheduleInfo, ScheduleState
    from jobqueue.settings import Settings

__all__ = [
    "AlreadyFinished",
    "AlreadyStarted",
    "Backoff",
    "BackoffFunction",
    "Backpressure",
    "Batch",
    "Cancelled",
    "Conflict",
    "ContentGone",
    "Durability",
    "Failure",
    "FieldError",
    "GroupLimits",
    "IdempotencyConflict",
    "InvalidRequest",
    "Job",
    "JobCancelled",
    "JobContext",
    "JobFailed",
    "JobHandle",
    "JobNotFound",
    "JobOutcome",
    "JobQueue",
    "JobqueueError",
    "LogLine",
    "Missed",
    "NotDurable",
    "NotMovable",
    "NotReady",
    "NotRetryable",
    "Overlap",
    "Parent",
    "PayloadTooLarge",
    "Priority",
    "QueueFull",
    "QueueLimited",
    "QueueLimits",
    "QueuePartitioned",
    "Rate",
    "RateLimited",
    "Retry",
    "Schedule",
    "ScheduleInfo",
    "ScheduleNotFound",
    "ScheduleState",
    "Settings",
    "Snooze",
    "State",
    "StillBlocked",
    "StorageUnavailable",
    "TenantFull",
    "Unavailable",
    "Unique",
    "UniqueKeyHeld",
    "UniqueMode",
    "UnknownParent",
    "UnknownType",
    "Unrecoverable",
    "WaitForChildren",
    "WorkerNotFound",
]

_LOADED_ON_USE = {
    "JobHandle": "jobqueue.app",
    "JobQueue": "jobqueue.app",
    "Missed": "jobqueue.schedule",
    "Overlap": "jobqueue.schedule",
    "Schedule": "jobqueue.schedule",
    "ScheduleInfo": "jobqueue.schedule",
    "ScheduleState": "jobqueue.schedule",
    "Settings": "jobqueue.settings",
}
"""They need Redis' client and pydantic: half a second that clients of the HTTP API, and
`jobqueue --help`, do not wait for."""


def __getattr__(name: str) -> Any:
    if name not in _LOADED_ON_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LOADED_ON_USE[name]), name)
