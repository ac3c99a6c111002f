"""Several worker processes under one parent: restarted, drained, measured as one."""

import asyncio
import contextlib
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

import structlog
from prometheus_client import CollectorRegistry

from jobqueue.errors import SchemaMismatch, SettingsError
from jobqueue.worker.child_process import ChildProcess
from jobqueue.worker.link import Plan
from jobqueue.worker.merged_metrics import MergedMetrics
from jobqueue.worker.wedge import EXIT_OUTDATED, EXIT_REPLACE

FIRST_DELAY = 0.5
"""Seconds before a child that died is started again."""

MAX_DELAY = 30.0
"""Longest such delay in seconds, doubled with each death in a row."""

STABLE_AFTER = 60.0
"""Seconds after which a child's death is no longer one in a row."""

KILL_MARGIN = 6.0
"""Seconds that a child gets beyond its drain: it needs 4 to hand jobs back."""

_log = structlog.get_logger(__name__)


class Supervisor:
    """Keeps one worker process running for each plan.

    Args:
        drain: seconds that a child's drain may take.

    Attributes:
        draining: set once children are not restarted any more.
        metrics: of the parent and all children, also of those that ended.
    """

    def __init__(self, plans: Sequence[Plan], *, drain: float) -> None:
        self.draining = asyncio.Event()
        self._drain_time = drain
        self._outdated: SchemaMismatch | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="jobqueue-metrics-")
        folder = Path(self._folder.name)
        self._merged = MergedMetrics(folder)
        self._children = [ChildProcess(plan, folder) for plan in plans]
        self.metrics = CollectorRegistry()
        self.metrics.register(self._merged)

    async def run(self) -> None:
        """Keep the children running until the drain is over.

        Raises:
            SettingsError: a child cannot start.
            SchemaMismatch: a queue has a layout that this program does not know; the children
                have drained.
        """
        try:
            async with asyncio.TaskGroup() as group:
                keepers = [group.create_task(self._keep(child)) for child in self._children]
                ending = group.create_task(self._drain())
                await asyncio.wait(keepers)
                ending.cancel()
        finally:
            self._folder.cleanup()
        if self._outdated:
            raise self._outdated

    def drain(self) -> None:
        """Let the children end."""
        self.draining.set()

    def kill(self) -> None:
        """End the children at once."""
        for child in self._children:
            child.kill()

    def problem(self) -> str | None:
        """Children that do not work; None: all do."""
        problems = [
            f"worker process {number} {problem}"
            for number, child in enumerate(self._children, 1)
            if (problem := child.problem)
        ]
        return "; ".join(problems) or None

    async def _keep(self, child: ChildProcess) -> None:
        """Start a child again whenever it ends."""
        delay, has_worked = FIRST_DELAY, False
        while not self.draining.is_set():
            started = monotonic()
            pid, code = await child.run()
            self._merged.retire(pid)
            if self.draining.is_set():
                return
            failed = child.status.failed if child.status else None
            if code == EXIT_OUTDATED:
                self._outdated = SchemaMismatch(failed)
                self.drain()
                return
            if failed and not has_worked:
                raise SettingsError(failed)
            has_worked = has_worked or (child.status is not None and not failed)
            if monotonic() - started > STABLE_AFTER:
                delay = FIRST_DELAY
            pause = 0.0 if code == EXIT_REPLACE else delay * random.uniform(0.8, 1.2)
            _log.warning("worker_process_ended", pid=pid, code=code, restart_in=round(pause, 1))
            await self._sleep(pause)
            delay = min(delay * 2, MAX_DELAY)

    async def _sleep(self, seconds: float) -> None:
        """Wait, but no longer than until the drain begins."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.draining.wait()

    async def _drain(self) -> None:
        await self.draining.wait()
        for child in self._children:
            child.terminate()
        await asyncio.sleep(self._drain_time + KILL_MARGIN)
        _log.error("worker_processes_killed", after=self._drain_time + KILL_MARGIN)
        self.kill()
