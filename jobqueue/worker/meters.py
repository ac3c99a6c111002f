"""Counters of one pool, with their labels looked up once and increments grouped."""

from collections import Counter
from typing import TYPE_CHECKING

from jobqueue.metrics import JOB_RUN, JOB_WAIT, JOBS_FINISHED, STALE_SETTLES, queue_label
from jobqueue.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

_FINAL = frozenset({Outcome.COMPLETED, Outcome.DEAD, Outcome.CANCELLED})
_FAILED = frozenset({Outcome.RETRY, Outcome.DEAD})


class Meters:
    """What a pool did: in the process' metrics, and in two numbers for its beat.

    Attributes:
        processed: attempts that Redis took the verdict of; handing back is none.
        failed: those of them that were errors.
    """

    def __init__(self, queue: str) -> None:
        self.processed = 0
        self.failed = 0
        self._queue = queue_label(queue)
        self._waits: dict[str, Callable[[float], None]] = {}
        self._runs: dict[str, Callable[[float], None]] = {}

    def started(self, job_type: str, waited_ms: int) -> None:
        """An attempt starts, so long after its job was due."""
        observe = self._waits.get(job_type)
        if observe is None:
            observe = self._waits[job_type] = JOB_WAIT.labels(self._queue, job_type).observe
        observe(waited_ms / 1000)

    def ran(self, job_type: str, seconds: float) -> None:
        """A handler ran for so long."""
        observe = self._runs.get(job_type)
        if observe is None:
            observe = self._runs[job_type] = JOB_RUN.labels(self._queue, job_type).observe
        observe(seconds)

    def settled(self, ended: Counter[tuple[str, Outcome]]) -> None:
        """Redis took so many verdicts of each type and outcome."""
        for (job_type, outcome), count in ended.items():
            if outcome is not Outcome.RETURNED:
                self.processed += count
            if outcome in _FAILED:
                self.failed += count
            if outcome in _FINAL:
                JOBS_FINISHED.labels(self._queue, job_type, outcome.value).inc(count)

    def stale(self, count: int) -> None:
        """Redis refused so many verdicts."""
        STALE_SETTLES.inc(count)
