"""The use case of splitting a queue, and what that rules out.

Two operators may work on one queue at once. Whoever splits or limits it looks at the other thing
before and after: of two who do both at once at most one succeeds. One whose process dies in between
may leave limits that hold for the first partition only; either call again clears that up.
"""

import msgspec

from jobqueue.app.names import check_queue
from jobqueue.broker.broker import Broker
from jobqueue.conflicts import QueueLimited, QueuePartitioned
from jobqueue.errors import FieldError, InvalidRequest
from jobqueue.ids import MAX_PARTITIONS
from jobqueue.limits import QueueLimits
from jobqueue.state import State

WHOLE = ("concurrency", "rate", "size", "starvation_after")
"""Limits that count all jobs of a queue; those of groups count jobs that are in the first
partition, whatever else there is."""


class Splitting:
    """Splits queues, and keeps partitions and limits apart."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def counts(self) -> dict[str, int]:
        """The queues with more than one partition, and how many."""
        return await self._broker.partitioning.read()

    async def count(self, queue: str) -> int:
        """How many partitions a queue has."""
        return (await self.counts()).get(check_queue(queue), 1)

    async def set(self, queue: str, count: int) -> None:
        """Let new jobs of a queue go to so many partitions; jobs that are there stay and run.

        Raises:
            InvalidRequest: there can be no such queue, or not so many partitions.
            QueueLimited: it has limits that count all its jobs.
        """
        name, before = check_queue(queue), await self.count(queue)
        if not 1 <= count <= MAX_PARTITIONS:
            problem = f"must be from 1 to {MAX_PARTITIONS}"
            raise InvalidRequest(f"partitions {problem}", (FieldError("/partitions", problem),))
        if count > 1:
            await self._refuse_limited(name)
        await self._broker.partitioning.set(name, count)
        await self.pause_alike(name)
        if count > 1:
            try:
                await self._refuse_limited(name)
            except QueueLimited:
                await self._broker.partitioning.set(name, before)
                raise

    async def set_limits(self, queue: str, limits: QueueLimits) -> None:
        """Set the limits of a queue, where they can be held.

        Raises:
            QueuePartitioned: they cannot.
        """
        operator = self._broker.operator
        if not _whole(limits):
            await operator.set_limits(queue, limits)
            return
        await self._refuse_partitioned(queue)
        await operator.set_limits(queue, limits)
        try:
            await self._refuse_partitioned(queue)
        except QueuePartitioned:
            await operator.set_limits(
                queue, msgspec.structs.replace(limits, **dict.fromkeys(WHOLE))
            )
            raise

    async def pause_alike(self, queue: str) -> None:
        """Pause all partitions of a queue, or none, as the first is.

        Goes on until that is so: somebody else may pause, resume or split it meanwhile.
        """
        operator = self._broker.operator
        while True:
            first, *others = await self._broker.partition_stats(queue)
            astray = [each.queue for each in others if each.paused is not first.paused]
            if not astray:
                return
            for partition in astray:
                await (operator.pause if first.paused else operator.resume)(partition)

    async def _refuse_limited(self, queue: str) -> None:
        if found := _whole(await self._broker.operator.limits(queue)):
            raise QueueLimited(
                f"queue {queue!r} has limits that cannot be held over several partitions "
                f"({', '.join(found)}): lift them first, or leave it whole"
            )

    async def _refuse_partitioned(self, queue: str) -> None:
        limits = ", ".join(WHOLE)
        if (count := await self.count(queue)) > 1:
            raise QueuePartitioned(
                f"queue {queue!r} has {count} partitions, over which these limits cannot be held "
                f"({limits}): set its partitions to 1 first, or limit its tenants"
            )
        _, *former = await self._broker.partition_stats(queue)
        left = sum(
            number
            for each in former
            for state, number in each.counts.items()
            if not State(state).is_final
        )
        if left:
            raise QueuePartitioned(
                f"{left} jobs of queue {queue!r} are in partitions that it had before, where these "
                f"limits cannot be held ({limits}): set them when those jobs have ended"
            )


def _whole(limits: QueueLimits) -> list[str]:
    """Those of the limits that count all jobs."""
    return [name for name in WHOLE if getattr(limits, name) is not None]
