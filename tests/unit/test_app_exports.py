"""The public surface of the package."""

import jobqueue
from jobqueue.errors import Conflict, JobOutcome


def test_exports_are_sorted_and_there() -> None:
    """What the package promises is listed in order, and is there."""
    assert jobqueue.__all__ == sorted(jobqueue.__all__)
    for name in jobqueue.__all__:
        assert getattr(jobqueue, name) is not None


def test_exports_what_users_need() -> None:
    """A program defines, submits and follows jobs with names of the package alone."""
    assert {
        "AlreadyStarted",
        "Backoff",
        "BackoffFunction",
        "Backpressure",
        "Batch",
        "Cancelled",
        "Conflict",
        "Durability",
        "GroupLimits",
        "IdempotencyConflict",
        "InvalidRequest",
        "JobCancelled",
        "JobContext",
        "JobFailed",
        "JobHandle",
        "JobQueue",
        "LogLine",
        "NotDurable",
        "NotMovable",
        "Parent",
        "Priority",
        "QueueFull",
        "QueueLimits",
        "Rate",
        "RateLimited",
        "Retry",
        "Snooze",
        "State",
        "TenantFull",
        "Unique",
        "UniqueMode",
        "UnknownParent",
        "Unrecoverable",
    } <= set(jobqueue.__all__)


def test_every_error_of_a_job_can_be_caught_by_name() -> None:
    """Whatever state a job is in, the error that says so is in the package."""
    assert {kind.__name__ for kind in Conflict.__subclasses__()} <= set(jobqueue.__all__)
    assert {kind.__name__ for kind in JobOutcome.__subclasses__()} <= set(jobqueue.__all__)
