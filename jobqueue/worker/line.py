"""A queue and all that serves it in one worker."""

import asyncio
from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import NamedTuple

from jobqueue.app.contents import Contents
from jobqueue.app.family import Family
from jobqueue.broker.consumer import Consumer
from jobqueue.errors import SchemaMismatch
from jobqueue.limits import Rate
from jobqueue.model import PoolInfo
from jobqueue.registry import Registry
from jobqueue.settings import LimitSettings
from jobqueue.worker.attempt import Attempt
from jobqueue.worker.batches import Batches
from jobqueue.worker.deadlines import Deadlines
from jobqueue.worker.fetcher import Fetcher
from jobqueue.worker.gate import Gate
from jobqueue.worker.pool import Pool
from jobqueue.worker.reporter import Reporter
from jobqueue.worker.slots import Slots
from jobqueue.worker.throttle import Throttle

MAX_LISTED = 200
"""Running jobs that a beat names: it is sent every 5 s, and read by people."""


class Partition(NamedTuple):
    """What serves one partition."""

    consumer: Consumer
    pool: Pool
    fetcher: Fetcher
    reporter: Reporter

    async def run(self) -> None:
        """Serve it until its pool is closed and empty."""
        async with asyncio.TaskGroup() as tasks:
            reporting = tasks.create_task(self.reporter.run(self.pool))
            await self.fetcher.run()
            reporting.cancel()


class Line:
    """The partitions of a queue, and what they share: slots, pace and batches.

    Args:
        gate, deadlines: those of the process.

    Attributes:
        partitions: by name; there may be more at any time.
        closed: no job starts here any more.
    """

    def __init__(
        self,
        queue: str,
        slots: int,
        *,
        rate: Rate | None,
        registry: Registry,
        limits: LimitSettings,
        contents: Contents,
        family: Family,
        gate: Gate,
        deadlines: Deadlines,
        on_stuck: Callable[[], None],
        on_outdated: Callable[[SchemaMismatch], None],
    ) -> None:
        self.queue = queue
        self.slots = Slots(slots)
        self.throttle = Throttle(rate)
        self.partitions: dict[str, Partition] = {}
        self.closed = False
        self._batches = Batches(slots=slots)
        self._registry = registry
        self._limits = limits
        self._contents = contents
        self._family = family
        self._gate = gate
        self._deadlines = deadlines
        self._on_stuck = on_stuck
        self._on_outdated = on_outdated
        self._tasks: asyncio.TaskGroup | None = None
        gate.when_opened(self._reopened)
        self.throttle.when_changed(opened=self._reopened, shut=self._hand_back)

    def add(self, name: str, consumer: Consumer) -> Partition:
        """Serve one more partition, from now on where the line runs."""
        reporter = Reporter(consumer)
        pool = Pool(
            self.queue,
            self.slots,
            batches=self._batches,
            registry=self._registry,
            limits=self._limits,
            contents=self._contents,
            family=self._family,
            gate=self._gate,
            throttle=self.throttle,
            deadlines=self._deadlines,
            reporter=reporter,
            on_stuck=self._on_stuck,
        )
        fetcher = Fetcher(pool, consumer, reporter, self._on_outdated)
        partition = self.partitions[name] = Partition(consumer, pool, fetcher, reporter)
        if self._tasks is not None:
            self._tasks.create_task(partition.run())
        return partition

    async def run(self) -> None:
        """Serve all partitions until the line is closed and empty."""
        async with asyncio.TaskGroup() as self._tasks:
            for partition in self.partitions.values():
                self._tasks.create_task(partition.run())

    def close(self) -> None:
        """Claim no more; verdicts are settled to the last."""
        self.closed = True
        for partition in self.partitions.values():
            partition.fetcher.close()

    def info(self) -> PoolInfo:
        """The line as its worker's beat describes it: one pool, whatever it consists of."""
        running = tuple(attempt.job.id for attempt in islice(self.running(), MAX_LISTED))
        return PoolInfo(self.queue, self.slots.total, self.slots.busy, running)

    def running(self) -> Iterator[Attempt]:
        """Attempts whose verdict is not known yet."""
        held = chain.from_iterable(each.pool.held.values() for each in self.partitions.values())
        return (attempt for attempt in held if not attempt.ended)

    def claim_age(self) -> float:
        """Seconds since the partition that has waited longest for an answer to a claim had one."""
        return max(each.fetcher.claim_age for each in self.partitions.values())

    def _reopened(self) -> None:
        for partition in self.partitions.values():
            partition.fetcher.reopened()

    def _hand_back(self) -> None:
        for partition in self.partitions.values():
            partition.fetcher.hand_back()
