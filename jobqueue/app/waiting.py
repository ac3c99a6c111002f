"""The use cases of one job that has not started: promote, reschedule, prioritize, move."""

from datetime import datetime

from jobqueue.app.checking import PRIORITIES
from jobqueue.app.names import check_queue
from jobqueue.app.requests import wrong_time
from jobqueue.broker.broker import Broker
from jobqueue.conflicts import AlreadyStarted, NotMovable, StillBlocked
from jobqueue.errors import FieldError, InvalidRequest, JobNotFound
from jobqueue.model import Job
from jobqueue.state import State
from jobqueue.submission import Priority
from jobqueue.timing import milliseconds

_WHY_KEPT = {
    "awaited": "other jobs wait for it there: move it before they are submitted, or cancel it and "
    "submit it to the other queue together with them",
    "inputs": "what the jobs made that it waited for is kept there: let it run, or cancel it and "
    "submit it to the other queue",
    "unique": "it holds a unique key, which counts in one queue only: cancel it and submit it to "
    "the other queue, where it takes the key of that",
}
"""What keeps a job in its queue, and what to do about it."""


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
            InvalidRequest: it is no time, or has no time zone.
        """
        if problem := wrong_time(run_at):
            raise InvalidRequest(f"run_at {problem}", (FieldError("/run_at", problem),))
        run_at_ms = max(milliseconds(run_at), 0)
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
            NotMovable: something keeps it in its queue; the message says what to do.
            InvalidRequest: there can be no such queue, or the job is in it.
        """
        answer = await self._broker.operator.move(job_id, check_queue(queue))
        if answer == "here":
            problem = f"the job is in {queue!r}"
            raise InvalidRequest(problem, (FieldError("/queue", problem),))
        if answer in _WHY_KEPT:
            raise NotMovable(f"job {job_id} cannot leave its queue: {_WHY_KEPT[answer]}")
        if answer != "moved":
            _check(job_id, answer, allowed=())
        return await self._read(job_id)

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
