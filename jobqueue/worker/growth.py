"""Serving the partitions of queues: those that there are, and those that there will be."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable

import structlog

from jobqueue.broker.broker import Broker
from jobqueue.broker.consumer import Consumer
from jobqueue.errors import SchemaMismatch, Unavailable
from jobqueue.ids import queue_of
from jobqueue.outage import Outage
from jobqueue.worker.line import Line

LOOK_INTERVAL = 2.0
"""Seconds between two looks: the first jobs of a new partition wait no longer."""

SPREAD = 0.2
"""Share by which looks differ, so that workers do not look in step."""

_log = structlog.get_logger(__name__)


class Growth:
    """Looks for partitions of the queues that a worker serves.

    The first of each queue, which has its name, is served from the start.

    Args:
        join: signs the worker on to a partition.
        on_outdated: told where a partition has a layout that this program does not know.
    """

    def __init__(
        self,
        broker: Broker,
        lines: Iterable[Line],
        *,
        join: Callable[[str], Awaitable[Consumer]],
        on_outdated: Callable[[SchemaMismatch], None],
    ) -> None:
        self._broker = broker
        self._lines = {line.queue: line for line in lines}
        self._join = join
        self._on_outdated = on_outdated

    async def run(self) -> None:
        """Look for ever."""
        outage = Outage("partitions")
        while True:
            try:
                await self._look()
            except Unavailable as error:
                await outage.pause(error)
                continue
            except SchemaMismatch as error:
                self._on_outdated(error)
            else:
                outage.over()
            await asyncio.sleep(LOOK_INTERVAL * random.uniform(1 - SPREAD, 1 + SPREAD))

    async def _look(self) -> None:
        new = [
            (name, line)
            for name in await self._broker.partitions()
            if (line := self._lines.get(queue_of(name))) and name not in line.partitions
        ]
        ends = await asyncio.gather(*(self._serve(*each) for each in new), return_exceptions=True)
        for end in ends:  # one that cannot be reached does not keep the others waiting
            if end:
                raise end

    async def _serve(self, name: str, line: Line) -> None:
        consumer = await self._join(name)
        if line.closed:  # meanwhile
            await consumer.leave()
            return
        line.add(name, consumer)
        _log.info("partition_joined", queue=line.queue, partitions=len(line.partitions))
