"""What all that a program does with an open `JobQueue` stands on."""

from abc import ABC, abstractmethod

from jobqueue.app.handles import JobHandle
from jobqueue.app.jobs import Jobs


class Opened(ABC):
    """Gives the use cases, and handles of jobs."""

    @abstractmethod
    def _opened(self) -> Jobs:
        """The use cases; RuntimeError where the queue is not open."""

    @abstractmethod
    def _handle(self, job_id: str) -> JobHandle:
        """The handle of a job of this id."""
