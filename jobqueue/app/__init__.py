"""The use cases: what http, worker and users' code call."""

from jobqueue.app.handles import JobHandle
from jobqueue.app.operations import Operations
from jobqueue.app.queue import JobQueue

__all__ = ["JobHandle", "JobQueue", "Operations"]
