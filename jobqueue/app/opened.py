"""What all that a program does with an open `JobQueue` stands on."""

from abc import ABC, abstractmethod

from jobqueue.app.handlers import HandlerFunction
from jobqueue.app.handles import JobHandle
from jobqueue.app.jobs import Jobs


class Opened(ABC):
    """Gives the use cases, and handles of jobs."""

    @abstractmethod
    def _opened(self) -> Jobs:
        """The use cases; RuntimeError where the queue is not open."""

    @abstractmethod
    def name_of(self, type: str | HandlerFunction) -> str:  # noqa: A002 - the field's name everywhere
        """The name of a job type, which may be given as its handler."""

    @abstractmethod
    def _handle(self, job_id: str) -> JobHandle:
        """The handle of a job of this id."""
