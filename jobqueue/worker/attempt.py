"""One attempt: run the handler, stop it when it must stop, say how it ended."""

import asyncio
from collections.abc import Callable
from enum import Enum
from time import monotonic
from typing import TYPE_CHECKING

import structlog

from jobqueue.context import JobContext
from jobqueue.model import ClaimedJob, Progress, Verdict
from jobqueue.worker import verdicts

if TYPE_CHECKING:
    from jobqueue.registry import Handler, JobType
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
        "deadlines",
        "end",
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
        self.result_limit = result_limit


class Attempt:
    """A claimed job in a slot, from its claim until its verdict is settled.

    Attributes:
        ended: its verdict is known; a handler that still runs no longer matters.
        started_at, deadline: in `time.monotonic()`, which is the loop's clock too.
        stopped: why it was told to stop, if it was.
    """

    __slots__ = (
        "_begun",
        "_bench",
        "_give_up_at",
        "_handler",
        "_task",
        "deadline",
        "ended",
        "job",
        "started_at",
        "stopped",
        "timeout",
        "type",
    )

    def __init__(
        self, job: ClaimedJob, job_type: "JobType", handler: "Handler", bench: Bench
    ) -> None:
        self.job = job
        self.type = job_type
        self.timeout = job.options.timeout or job_type.timeout
        self.ended = False
        self.stopped: Stop | None = None
        self.started_at = self.deadline = NEVER
        self._handler = handler
        self._bench = bench
        self._begun = False
        self._give_up_at = NEVER
        self._task: asyncio.Task[None] | None = None

    @property
    def has_started(self) -> bool:
        """Whether the handler was given its chance."""
        return self.started_at != NEVER

    @property
    def lease_until(self) -> float:
        """Until when its lease may be renewed."""
        return self.deadline + LEASE_GRACE

    def start(self) -> None:
        """Start the handler in a task; the pool is told when it ends."""
        self._task = self._bench.loop.create_task(self._run())

    def start_alone(self) -> None:
        """Start it as soon as it is the only one of the process."""
        self._task = self._bench.loop.create_task(self._run_alone())

    def stop(self, why: Stop) -> None:
        """Cancel the handler; the first reason counts, but a lost lease beats all."""
        if self.ended or (self.stopped and why is not Stop.LOST):
            return
        if why is Stop.LOST:
            _log.warning("lease_lost", job=self.job.id, attempt=self.job.attempt)
        if self.stopped is None and self._task:
            if self._begun:  # a task that is cancelled before its first step never runs at all
                self._task.cancel()
            self._give_up_at = monotonic() + CANCEL_GRACE
            self._bench.deadlines.add(self._give_up_at, self)
        self.stopped = why

    def due(self, now: float) -> None:
        """A deadline passed: time to stop, or to give up one that did not."""
        if self.stopped is None:
            self.stop(Stop.TIMEOUT)
        elif now >= self._give_up_at:
            self.give_up()

    def give_up(self) -> None:
        """End it although its handler still runs."""
        if not self.ended:
            self._bench.stuck(self)
            self._end(self._verdict_of_stop())

    async def _run_alone(self) -> None:
        gate = self._bench.gate
        self._begun = True
        try:
            await gate.down_to(1)
        except asyncio.CancelledError:
            self._end(self._verdict_of_stop())
        else:
            await self._run()
        finally:
            gate.open()

    async def _run(self) -> None:
        if self.stopped is not None:
            self._end(self._verdict_of_stop())
            return
        bench, job = self._bench, self.job
        self._begun = True
        self.started_at = now = monotonic()
        self.deadline = deadline = now + self.timeout
        bench.started()
        bench.deadlines.add(deadline, self)
        try:
            payload = self.type.parse(job.payload)
        except Exception as error:  # noqa: BLE001 - however a user's parser fails, it is this
            self._end(verdicts.undecodable(job, error))
            return
        try:
            value = await self._handler(self._context(), payload)
        except (Exception, asyncio.CancelledError, SystemExit) as error:  # noqa: BLE001 - a verdict
            verdict = self._verdict_of_error(error)
        else:
            verdict = self._verdict_of_value(value)
        self._end(verdict)

    def _context(self) -> JobContext:
        job = self.job
        return JobContext(
            id=job.id,
            type=job.type,
            attempt=job.attempt,
            max_attempts=job.options.max_attempts or self.type.retry.max_attempts,
            token=job.token,
            deadline=self.deadline,
            report=self._bench.report,
            log=self._bench.log,
        )

    def _end(self, verdict: Verdict | None) -> None:
        if not self.ended:
            self.ended = True
            self._bench.end(self, verdict)

    def _verdict_of_value(self, value: object) -> Verdict | None:
        """A handler that finished its work while told to shut down has finished it."""
        if self.stopped is None or self.stopped is Stop.SHUTDOWN:
            return verdicts.completed(self.job, value, limit=self._bench.result_limit)
        return self._verdict_of_stop()

    def _verdict_of_error(self, error: BaseException) -> Verdict | None:
        if self.stopped is None:
            return verdicts.failed(self.job, self.type.retry, error)
        return self._verdict_of_stop()

    def _verdict_of_stop(self) -> Verdict | None:
        match self.stopped:
            case Stop.TIMEOUT:
                return verdicts.timed_out(self.job, self.type.retry, self.timeout)
            case Stop.CANCEL:
                return verdicts.cancelled(self.job)
            case Stop.SHUTDOWN | None:
                return verdicts.returned(self.job)
            case Stop.LOST:
                return None
