"""One partition's pool: what is in its slots."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from time import monotonic

import structlog

from jobqueue.app.contents import Contents
from jobqueue.app.family import Family
from jobqueue.metrics import OTHER
from jobqueue.model import ClaimedJob, Outcome, Settled, Verdict
from jobqueue.registry import Handler, JobType, Registry
from jobqueue.retry import Retry
from jobqueue.settings import LimitSettings
from jobqueue.worker import verdicts
from jobqueue.worker.attempt import Attempt, Bench, Stop
from jobqueue.worker.batches import Batches
from jobqueue.worker.deadlines import Deadlines
from jobqueue.worker.gate import Gate
from jobqueue.worker.meters import Meters
from jobqueue.worker.outbox import Outbox
from jobqueue.worker.reporter import Reporter
from jobqueue.worker.single import Single
from jobqueue.worker.slots import Slots
from jobqueue.worker.throttle import Throttle

CRASHES_UNTIL_ALONE = 2
"""Crashes after which a job runs alone: the first may have been a neighbour's fault."""

_log = structlog.get_logger(__name__)


class Pool:
    """Starts claimed jobs, and collects their verdicts until Redis has taken them.

    Args:
        slots, throttle, batches: those of the queue, which all its partitions share.

    Attributes:
        held: attempts by job id, from their claim until their verdict is settled; the
            lease keeper renews exactly these.
        outbox: verdicts that are not settled yet.
        closed: no job starts here any more; what arrives goes back.
        changed: set when the fetcher should look again.
        share: what it has of the queue's slots.
    """

    def __init__(
        self,
        queue: str,
        slots: Slots,
        *,
        batches: Batches,
        registry: Registry,
        limits: LimitSettings,
        contents: Contents,
        family: Family,
        gate: Gate,
        throttle: Throttle,
        deadlines: Deadlines,
        reporter: Reporter,
        on_stuck: Callable[[], None],
    ) -> None:
        self.queue = queue
        self.slots = slots
        self.held: dict[str, Attempt] = {}
        self.outbox = Outbox()
        self.meters = Meters(queue)
        self.closed = False
        self.changed = asyncio.Event()
        self.share = slots.share(self.changed.set)
        self._registry = registry
        self._default_retry = Retry(max_attempts=limits.max_attempts)
        self._gate = gate
        self._throttle = throttle
        self._on_stuck = on_stuck
        self._bench = Bench(
            deadlines=deadlines,
            gate=gate,
            started=throttle.started,
            end=self._end,
            report=reporter.report,
            log=reporter.log,
            stuck=self._give_up,
            contents=contents,
            family=family,
            result_limit=limits.result,
        )
        self._batches = batches

    @property
    def free(self) -> int:
        """Slots that a claim may fill now."""
        if self.closed or self._gate.closed:
            return 0
        free = self.share.free
        return free and max(min(free, self._throttle.room() - self.slots.claiming), 0)

    @property
    def idle(self) -> bool:
        """Nothing runs and nothing is left to settle."""
        return not self.share.busy and not self.held and not len(self.outbox)

    def take(self, jobs: Iterable[ClaimedJob]) -> list[Attempt]:
        """Give slots to claimed jobs; the caller launches the attempts that come back.

        Jobs that cannot start here get their verdict at once.
        """
        attempts: list[Attempt] = []
        free = 0 if self.closed else min(self.slots.unused, self._throttle.room())
        for job in jobs:
            if len(attempts) >= free or self._gate.closed:
                self.outbox.add(verdicts.returned(job))
            elif attempt := self._admit(job):
                attempts.append(attempt)
        return attempts

    def refuse(self, jobs: Iterable[ClaimedJob]) -> None:
        """Hand claimed jobs back as they came."""
        for job in jobs:
            self.outbox.add(verdicts.returned(job))

    def launch(self, attempts: Iterable[Attempt]) -> None:
        """Start the handlers."""
        for attempt in attempts:
            self.meters.started(attempt.job.type, attempt.job.waited_ms)
            if attempt.job.crashes >= CRASHES_UNTIL_ALONE:
                attempt.start_alone()
            else:
                attempt.start()

    def close(self) -> None:
        """Start nothing any more; jobs that still wait for their batch go back."""
        self.closed = True
        self.share.forget()
        self._batches.close()
        self.changed.set()

    def settled(self, sent: Sequence[Verdict], answers: Sequence[Settled]) -> None:
        """Redis has answered: these jobs are no longer held."""
        ended: Counter[tuple[str, Outcome]] = Counter()
        stale = 0
        for verdict, answer in zip(sent, answers, strict=True):
            attempt = self._release(verdict.id, verdict.token)
            if answer is Settled.STALE:
                stale += 1
                _log.info("verdict_stale", job=verdict.id, outcome=verdict.outcome.value)
            else:
                cancelled = answer is Settled.CANCELLED
                outcome = Outcome.CANCELLED if cancelled else verdict.outcome
                ended[attempt.job.type if attempt else OTHER, outcome] += 1
        self.meters.settled(ended)
        if stale:
            self.meters.stale(stale)

    def _admit(self, job: ClaimedJob) -> Attempt | None:
        job_type = self._registry.get(job.type)
        if job_type is None or job_type.handler is None:
            self._refuse(job, job_type)
            return None
        if earlier := self.held.get(job.id):  # Redis has given it out anew
            earlier.stop(Stop.LOST)
        attempt = self._attempt(job, job_type, job_type.handler)
        self.held[job.id] = attempt
        self.share.enter()
        self._throttle.reserve()
        self._gate.enter()
        if job.crashes >= CRASHES_UNTIL_ALONE:
            self._gate.close()
        return attempt

    def _attempt(self, job: ClaimedJob, job_type: JobType, handler: Handler) -> Attempt:
        if job_type.batch is None:
            return Single(job, job_type, handler, self._bench)
        return self._batches.member(job, job_type, job_type.batch, handler, self._bench)

    def _refuse(self, job: ClaimedJob, job_type: JobType | None) -> None:
        retry = job_type.retry if job_type else self._default_retry
        _log.warning("unknown_job_type", job=job.id, type=job.type, attempt=job.attempt)
        self.outbox.add(verdicts.unknown_type(job, retry))

    def _end(self, attempt: Attempt, verdict: Verdict | None) -> None:
        """An attempt ended: its slot is free, its verdict goes with the next call."""
        self.share.leave()
        self._gate.leave()
        if attempt.has_started:
            self.meters.ran(attempt.job.type, monotonic() - attempt.started_at)
        else:
            self._throttle.released()
        if verdict is None:
            self._release(attempt.job.id, attempt.job.token)
        else:
            self.outbox.add(verdict)
            if verdict.outcome is Outcome.RATE_LIMITED and attempt.job.group is None:
                self._throttle.hold(verdict.delay_ms / 1000)
        self.changed.set()

    def _release(self, job_id: str, token: str) -> Attempt | None:
        """Stop holding a delivery, but not a later one of the same job."""
        attempt = self.held.get(job_id)
        if attempt is None or attempt.job.token != token:
            return None
        return self.held.pop(job_id)

    def _give_up(self, attempt: Attempt) -> None:
        """A handler ignored its cancellation: it goes on, its job does not wait for it."""
        _log.error(
            "handler_ignores_cancellation",
            job=attempt.job.id,
            type=attempt.job.type,
            stopped=attempt.stopped.value if attempt.stopped else None,
        )
        self._on_stuck()
