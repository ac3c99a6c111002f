"""The use cases of one job that has not started: promote, reschedule, prioritize, move."""

from datetime import datetime

from jobqueue.app.names import check_queue
from jobqueue.app.submission import PRIORITIES
from jobqueue.broker.broker import Broker
from jobqueue.conflicts import AlreadyStarted, NotMovable, StillBlocked
from jobqueue.errors import FieldError, InvalidRequest, JobNotFound
from jobqueue.ids import ULID_LENGTH, queue_of
from jobqueue.model import Job
from jobqueue.state import State
from jobqueue.submission import Priority


class Waiting:
    """What operators can do with a job that waits.

    Every method gives the job as it is then, and raises JobNotFound where there is none,
    AlreadyStarted where it runs or has ended.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def promote(self, job_id: str) -> Job:
        """Let a scheduled job start now; one that is queued stays as it is.

        Raises:
            StillBlocked: it waits for other jobs.
        """
        _check(job_id, await self._broker.operator.promote(job_id))
        return await self._read(job_id)

    async def reschedule(self, job_id: str, run_at: datetime) -> Job:
        """Let a scheduled or queued job start at another time, or at once if that has passed.

        Raises:
            StillBlocked: it waits for other jobs.
            InvalidRequest: the time has no time zone.
        """
        if run_at.tzinfo is None:
            problem = "needs a time zone"
            raise InvalidRequest(f"run_at {problem}", (FieldError("/run_at", problem),))
        run_at_ms = round(run_at.timestamp() * 1000)
        _check(job_id, await self._broker.operator.reschedule(job_id, run_at_ms))
        return await self._read(job_id)

    async def prioritize(self, job_id: str, priority: str | int) -> Job:
        """Give a job that has not started another priority.

        Raises:
            InvalidRequest: there is no such priority.
        """
        if priority not in PRIORITIES:
            names = ", ".join(f"{each.label} ({each})" for each in Priority)
            problem = f"must be one of {names}"
            raise InvalidRequest(f"priority {problem}", (FieldError("/priority", problem),))
        answer = await self._broker.operator.prioritize(job_id, PRIORITIES[priority])
        if answer != State.BLOCKED:  # it has its place already, and its priority for later
            _check(job_id, answer)
        return await self._read(job_id)

    async def move(self, job_id: str, queue: str) -> Job:
        """Move a scheduled or queued job to another queue, where it has another id.

        One that has partitions takes it in the first.

        Raises:
            StillBlocked: it waits for other jobs.
            NotMovable: others wait for it, or it holds a unique key.
            InvalidRequest: there can be no such queue, or the job is in it.
        """
        target = f"{check_queue(queue)}-{job_id[-ULID_LENGTH:]}"
        if queue_of(job_id[: -ULID_LENGTH - 1]) == queue:
            problem = f"the job is in {queue!r}"
            raise InvalidRequest(problem, (FieldError("/queue", problem),))
        answer = await self._broker.operator.move(job_id, queue)
        if answer == "bound":
            raise NotMovable(
                f"job {job_id} cannot leave its queue: other jobs wait for it, or it holds a "
                "unique key there"
            )
        if answer != "moved":
            _check(job_id, answer, allowed=())
        return await self._read(target)

    async def _read(self, job_id: str) -> Job:
        job = await self._broker.get(job_id)
        if job is None:
            raise _not_found(job_id)
        return job


def _check(
    job_id: str, answer: str, *, allowed: tuple[State, ...] = (State.QUEUED, State.SCHEDULED)
) -> None:
    """Raise what the broker's answer, a state or `not_found`, means where it is not allowed."""
    if answer == "not_found":
        raise _not_found(job_id)
    if answer == State.BLOCKED:
        raise StillBlocked(f"job {job_id} waits for other jobs: cancel it, or wait for them")
    if answer not in allowed:
        raise AlreadyStarted(f"job {job_id} is {answer}: only jobs that wait can be changed")


def _not_found(job_id: str) -> JobNotFound:
    return JobNotFound(f"there is no job {job_id!r}: it never was, or its retention is over")
