"""A producer beside the harness' workers: what users call, on the same broker and storage."""

from jobqueue import JobQueue, Settings
from jobqueue.settings import LimitSettings

from .harness import Harness

INLINE = 1000
"""Bytes that stay in Redis in these tests."""

LIMITS = LimitSettings(inline=INLINE)

LARGE = "x" * INLINE
"""A value whose JSON, with its quotes, is just too large for Redis."""


def producer(harness: Harness) -> JobQueue:
    """An open queue with the harness' job types."""
    app = JobQueue()
    app.registry = harness.registry
    app.attach(harness.broker, Settings(limits=LIMITS), open_storage=harness.open_storage)
    return app
