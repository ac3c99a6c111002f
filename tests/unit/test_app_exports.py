"""The public surface of the package."""

import jobqueue


def test_exports_are_sorted_and_there() -> None:
    """What the package promises is listed in order, and is there."""
    assert jobqueue.__all__ == sorted(jobqueue.__all__)
    for name in jobqueue.__all__:
        assert getattr(jobqueue, name) is not None


def test_exports_what_users_need() -> None:
    """A program defines, submits and follows jobs with names of the package alone."""
    assert {
        "Backoff",
        "BackoffFunction",
        "Batch",
        "Cancelled",
        "InvalidRequest",
        "JobCancelled",
        "JobContext",
        "JobFailed",
        "JobHandle",
        "JobQueue",
        "LogLine",
        "RateLimited",
        "Retry",
        "Snooze",
        "Unrecoverable",
    } <= set(jobqueue.__all__)
