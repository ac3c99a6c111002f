"""One attempt: its time, its end, and what makes it stop before."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from enum import Enum
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from jobqueue.app.references import is_reference
from jobqueue.context import JobContext
from jobqueue.errors import ContentGone, Unrecoverable
from jobqueue.model import ClaimedJob, Progress, Verdict
from jobqueue.worker import verdicts

if TYPE_CHECKING:
    from jobqueue.app.contents import Contents
    from jobqueue.app.family import Family
    from jobqueue.registry import JobType
    from jobqueue.worker.deadlines import Deadlines
    from jobqueue.worker.gate import Gate

CANCEL_GRACE = 10.0
"""Seconds that a handler gets to react to its cancellation. One that does not is given
up: its job is settled without it, and its process replaced."""

LEASE_GRACE = 10.0
"""Seconds past its deadline for which a job's lease is still renewed: as long as a
handler that is stopped may take to clean up."""

NEVER = float("inf")

_log = structlog.get_logger(__name__)


class Stop(Enum):
    """Why an attempt was told to stop."""

    TIMEOUT = "timeout"
    CANCEL = "cancel"
    SHUTDOWN = "shutdown"
    LOST = "lost"
    """The delivery is no longer this worker's: what it does now counts for nothing."""


class Bench:
    """What all attempts of a pool share.

    Attributes:
        started: told of each attempt whose handler is given its chance.
        end: takes each attempt once, with its verdict (None: there is nothing to say).
        stuck: told of each attempt that was given up while its handler still runs.
    """

    __slots__ = (
        "contents",
        "deadlines",
        "end",
        "family",
        "gate",
        "log",
        "loop",
        "report",
        "result_limit",
        "started",
        "stuck",
    )

    def __init__(
        self,
        *,
        deadlines: "Deadlines",
        gate: "Gate",
        started: Callable[[], None],
        end: "Callable[[Attempt, Verdict | None], None]",
        report: Callable[[str, Progress], None],
        log: Callable[[str, str, str], None],
        stuck: "Callable[[Attempt], None]",
        contents: "Contents",
        family: "Family",
        result_limit: int,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.deadlines = deadlines
        self.gate = gate
        self.started = started
        self.end = end
        self.report = report
        self.log = log
        self.stuck = stuck
        self.contents = contents
        self.family = family
        self.result_limit = result_limit


class Attempt(ABC):
    """A claimed job in a slot, from its claim until its verdict is settled.

    How the handler is called is for the subclasses: alone or for many jobs.

    Attributes:
        ended: its verdict is known; a handler that still runs no longer matters.
        started_at, deadline: in `time.monotonic()`, which is the loop's clock too.
        stopped: why it was told to stop, if it was.
        timeout: seconds that it may take.
    """

    __slots__ = (
        "_bench",
        "_give_up_at",
        "deadline",
        "ended",
        "job",
        "started_at",
        "stopped",
        "timeout",
        "type",
    )

    def __init__(self, job: ClaimedJob, job_type: "JobType", bench: Bench) -> None:
        self.job = job
        self.type = job_type
        self.timeout = job.options.timeout or job_type.timeout
        self.ended = False
        self.stopped: Stop | None = None
        self.started_at = self.deadline = NEVER
        self._bench = bench
        self._give_up_at = NEVER

    @abstractmethod
    def start(self) -> None:
        """Let the handler run; the pool is told when it ends."""

    @abstractmethod
    def start_alone(self) -> None:
        """Let it run as soon as it is the only one of the process."""

    @abstractmethod
    def _interrupt(self) -> None:
        """It was told to stop: cancel the handler."""

    @property
    def has_started(self) -> bool:
        """Whether the handler was given its chance."""
        return self.started_at != NEVER

    @property
    def lease_until(self) -> float:
        """Until when its lease may be renewed."""
        return self.deadline + LEASE_GRACE

    def stop(self, why: Stop) -> None:
        """Cancel the handler; the first reason counts, but a lost lease beats all."""
        if self.ended or (self.stopped and why is not Stop.LOST):
            return
        if why is Stop.LOST:
            _log.warning("lease_lost", job=self.job.id, attempt=self.job.attempt)
        first, self.stopped = self.stopped is None, why
        if first:
            self._interrupt()

    def due(self, now: float) -> None:
        """A deadline passed: time to stop, or to give up one that did not."""
        if self.stopped is None:
            self.stop(Stop.TIMEOUT)
        elif now >= self._give_up_at:
            self.give_up()

    def give_up_later(self) -> None:
        """Its handler was cancelled: give it up if that does not help."""
        self._give_up_at = monotonic() + CANCEL_GRACE
        self._bench.deadlines.add(self._give_up_at, self)

    def give_up(self) -> None:
        """End it although its handler still runs."""
        if not self.ended:
            self._bench.stuck(self)
            self.end_stopped()

    def begin(self, now: float | None = None) -> None:
        """Its handler is called, at `now`: from here on its time runs."""
        self.started_at = monotonic() if now is None else now
        self.deadline = self.started_at + self.timeout
        self._bench.started()
        self._bench.deadlines.add(self.deadline, self)

    def context(self) -> JobContext:
        """What its handler is given about it."""
        job, bench = self.job, self._bench
        return JobContext(
            id=job.id,
            type=job.type,
            attempt=job.attempt,
            max_attempts=job.options.max_attempts or self.type.retry.max_attempts,
            token=job.token,
            deadline=self.deadline,
            report=bench.report,
            log=bench.log,
            is_cancelled=self._is_unwanted,
            parents=[parent.id for parent in job.options.depends_on],
            relatives=bench.family,
        )

    async def payload(self) -> Any:
        """What its handler takes.

        Raises:
            Unrecoverable: it is not there, or is not what the type takes.
            StorageUnavailable: it is in the storage, which does not answer.
        """
        content = self.job.payload
        if is_reference(content):
            try:
                content = await self._bench.contents.fetch(content)
            except ContentGone as error:
                raise Unrecoverable("payload_missing", f"the payload: {error}") from error
        try:
            return self.type.parse(content)
        except Exception as error:
            message = f"{type(error).__name__}: {error}"
            raise Unrecoverable("undecodable_payload", message) from error

    async def succeed(self, value: object) -> None:
        """The handler returned; work that it finished while told to shut down is finished.

        A large result is in the storage once this returns. Until Redis has taken the verdict nobody
        sees the upload, whose key is this delivery's own; it belongs to the attempt's time, and
        whatever stops the attempt stops it.

        Raises:
            StorageUnavailable: the storage does not take the result.
        """
        if self.stopped not in {None, Stop.SHUTDOWN}:
            self.end_stopped()
            return
        job, contents = self.job, self._bench.contents
        verdict = verdicts.completed(job, value, limit=self._bench.result_limit)
        if verdict.result and contents.is_large(verdict.result):
            reference = await contents.keep_result(job.id, job.token, verdict.result)
            verdict = msgspec.structs.replace(verdict, result=reference)
        self.end(verdict)

    def fail(self, error: BaseException) -> None:
        """The handler raised."""
        if self.stopped is None:
            self.end(verdicts.failed(self.job, self.type.retry, error))
        else:
            self.end_stopped()

    def end_stopped(self) -> None:
        """It ends as it was told to stop."""
        match self.stopped:
            case Stop.TIMEOUT:
                self.end(verdicts.timed_out(self.job, self.type.retry, self.timeout))
            case Stop.CANCEL:
                self.end(verdicts.cancelled(self.job))
            case Stop.SHUTDOWN | None:
                self.end(verdicts.returned(self.job))
            case Stop.LOST:
                self.end(None)

    def end(self, verdict: Verdict | None) -> None:
        """It ends with this verdict, unless it has ended before."""
        if not self.ended:
            self.ended = True
            self._bench.end(self, verdict)

    def _is_unwanted(self) -> bool:
        return self.stopped is not None
