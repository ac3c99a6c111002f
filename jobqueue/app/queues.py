"""The use cases of whole queues: pause, drain, clear, limits."""

from collections.abc import AsyncIterator, Mapping

import msgspec

from jobqueue.app.limits import LimitsRequest
from jobqueue.app.names import check_queue
from jobqueue.app.partitions import Splitting
from jobqueue.app.sweeping import FOREVER, Swept, sweep
from jobqueue.broker.broker import Broker
from jobqueue.errors import FieldError, InvalidRequest
from jobqueue.limits import GroupLimits, QueueLimits
from jobqueue.state import State

DRAINED = "drained"
"""Reason of a job that was cancelled with all that waited in its queue."""


class LimitsInfo(msgspec.Struct, frozen=True):
    """The limits of a queue, and of those of its groups that have their own."""

    queue: QueueLimits
    groups: dict[str, GroupLimits]


class Queues:
    """What operators can do with queues; one that was never used can be paused and limited too.

    Every method raises InvalidRequest where a queue may not be called so.

    Attributes:
        splitting: into how many partitions they are split. What is done to a queue is done to one
            after the other.
    """

    def __init__(self, broker: Broker) -> None:
        self.splitting = Splitting(broker)
        self._broker = broker
        self._operator = broker.operator

    async def pause(self, queue: str) -> bool:
        """Start no more of its jobs; what runs goes on. Whether that changed anything."""
        changed = await self._operator.pause(check_queue(queue))
        await self.splitting.pause_alike(queue)
        return changed

    async def resume(self, queue: str) -> bool:
        """Start its jobs again. Whether that changed anything."""
        changed = await self._operator.resume(check_queue(queue))
        await self.splitting.pause_alike(queue)
        return changed

    async def drain(self, queue: str, *, delayed: bool = False, within: float = FOREVER) -> Swept:
        """Cancel the queued jobs, reason `drained`; what runs goes on.

        Args:
            queue: its name.
            delayed: cancel the scheduled jobs too, retries among them.
            within: seconds to go on at most.
        """
        states = [State.SCHEDULED, State.QUEUED] if delayed else [State.QUEUED]
        return await sweep(self._empty(check_queue(queue), states, DRAINED), within=within)

    async def clear(self, queue: str, state: State, *, within: float = FOREVER) -> Swept:
        """Empty one state: what has ended is forgotten, what waits is cancelled (`cleared`).

        Args:
            queue: its name.
            state: any but `active`.
            within: seconds to go on at most.

        Raises:
            InvalidRequest: there is no such state, or it is that of running jobs.
        """
        if state not in set(State):
            problem = f"must be one of {', '.join(State)}"
            raise InvalidRequest(f"state {problem}", (FieldError("/state", problem),))
        if state == State.ACTIVE:
            problem = "running jobs cannot be cleared: cancel them one by one"
            raise InvalidRequest(problem, (FieldError("/state", problem),))
        return await sweep(self._empty(check_queue(queue), [state], "cleared"), within=within)

    async def clear_everywhere(self, state: State, *, queues: list[str], within: float) -> Swept:
        """Empty one state of all these queues, see `clear`."""
        count, more = 0, False
        for queue in queues:
            swept = await self.clear(queue, state, within=within / len(queues))
            count, more = count + swept.count, more or swept.more
        return Swept(count, more=more)

    async def limits(self, queue: str) -> LimitsInfo:
        """All limits of a queue."""
        name = check_queue(queue)
        return LimitsInfo(
            await self._operator.limits(name), await self._operator.group_limits(name)
        )

    async def set_limits(self, queue: str, wanted: LimitsRequest) -> LimitsInfo:
        """Set all limits of a queue; what `wanted` does not name is lifted.

        Raises:
            QueuePartitioned: a limit counts all jobs of the queue, which has partitions.
        """
        name = check_queue(queue)
        await self.splitting.set_limits(name, wanted.value())
        groups = {group: limits.value() for group, limits in wanted.groups.items()}
        lifted = dict.fromkeys(await self._operator.group_limits(name), GroupLimits())
        await self.set_group_limits(name, lifted | groups)
        return await self.limits(name)

    async def set_group_limits(self, queue: str, groups: Mapping[str, GroupLimits]) -> None:
        """Set the limits of some groups; the default lifts all that a group has of its own."""
        name = check_queue(queue)
        for group, limits in groups.items():
            await self._operator.set_group_limits(name, group, limits)

    async def _empty(self, queue: str, states: list[State], reason: str) -> AsyncIterator[int]:
        for partition in await self._broker.partitions(queue):
            for state in states:
                async for count in self._operator.clear(partition, state, reason=reason):
                    yield count
