"""A reliable job queue on Redis and an HTML-to-PDF report service, in one asyncio program."""

from jobqueue.app import JobHandle, JobQueue
from jobqueue.context import JobContext
from jobqueue.errors import (
    AlreadyFinished,
    FieldError,
    InvalidRequest,
    JobCancelled,
    JobFailed,
    JobNotFound,
    JobqueueError,
    PayloadTooLarge,
    Snooze,
    Unavailable,
    UnknownType,
    Unrecoverable,
)
from jobqueue.model import Job, Priority, State
from jobqueue.retry import Backoff, Retry
from jobqueue.settings import Settings

__all__ = [
    "AlreadyFinished",
    "Backoff",
    "FieldError",
    "InvalidRequest",
    "Job",
    "JobCancelled",
    "JobContext",
    "JobFailed",
    "JobHandle",
    "JobNotFound",
    "JobQueue",
    "JobqueueError",
    "PayloadTooLarge",
    "Priority",
    "Retry",
    "Settings",
    "Snooze",
    "State",
    "Unavailable",
    "UnknownType",
    "Unrecoverable",
]
