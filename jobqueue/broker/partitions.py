"""How many partitions queues have, and what their parts come to together.

Jobs of one queue are in one slot of a cluster, and so on one node. A queue in partitions spreads
over several: to everything but its producers and its readers each partition is a queue of its own.

The number says only where new jobs may go. Every partition that ever had its turn is in the list of
queues, and is served and read for ever: so a number may change at any time, and one that a producer
has not heard of yet does no harm.
"""

import asyncio
import contextlib
from collections.abc import Iterable

from jobqueue.broker.commands import Commands
from jobqueue.broker.keys import Keys
from jobqueue.broker.resend import resend
from jobqueue.errors import JobqueueError
from jobqueue.ids import partition_names, queue_of
from jobqueue.model import QueueStats

KNOWN_FOR = 2.0
"""Seconds for which a producer relies on what it has read: short beside what splitting a queue is
worth, long beside a round trip."""


class Partitions:
    """The table of partitioned queues; a queue that is not in it has one partition."""

    def __init__(self, channel: Commands, keys: Keys) -> None:
        self._channel = channel
        self._keys = keys
        self._known: dict[str, int] | None = None
        self._known_until = 0.0
        self._reading: asyncio.Task[None] | None = None

    async def read(self) -> dict[str, int]:
        """The queues with more than one partition, and how many."""
        fields = await resend(lambda: self._channel.execute("HGETALL", self._keys.partitions))
        return {
            queue.decode(): int(count)
            for queue, count in zip(fields[::2], fields[1::2], strict=True)
        }

    async def known(self) -> dict[str, int]:
        """As `read`, from memory: a few seconds old, or older while Redis does not answer.

        Only the first call, and the first after `set`, waits for an answer.
        """
        now = asyncio.get_running_loop().time()
        if now >= self._known_until and self._reading is None:
            self._reading = asyncio.create_task(self._read_anew())
        if self._known is None and self._reading is not None:
            await asyncio.wait([self._reading])
        return self._known or {}

    async def set(self, queue: str, count: int) -> None:
        """Let new jobs go to the first `count` partitions of a queue.

        They are listed first: whoever hears of the number finds that they are served.
        """
        names = partition_names(queue, count)
        await resend(lambda: self._channel.execute("SADD", self._keys.queues, *names))
        table = self._keys.partitions
        entry = ("HSET", table, queue, str(count)) if count > 1 else ("HDEL", table, queue)
        await resend(lambda: self._channel.execute(*entry))
        self._known, self._known_until = None, 0.0

    async def close(self) -> None:
        """Wait for the reading in flight."""
        if self._reading is not None:
            await asyncio.wait([self._reading])

    async def _read_anew(self) -> None:
        with contextlib.suppress(JobqueueError):  # who enqueues hears of it
            self._known = await self.read()
        self._known_until = asyncio.get_running_loop().time() + KNOWN_FOR
        self._reading = None


def merged(stats: Iterable[QueueStats]) -> list[QueueStats]:
    """The stats of queues from those of their partitions."""
    parts: dict[str, list[QueueStats]] = {}
    for each in stats:
        parts.setdefault(queue_of(each.queue), []).append(each)
    return [_sum(queue, some) for queue, some in parts.items()]


def _sum(queue: str, parts: list[QueueStats]) -> QueueStats:
    return QueueStats(
        queue=queue,
        counts={state: sum(part.counts[state] for part in parts) for state in parts[0].counts},
        oldest_queued_seconds=max(part.oldest_queued_seconds for part in parts),
        paused=any(part.paused for part in parts),
    )
