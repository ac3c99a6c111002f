"""The part of `JobQueue` that is for operators: queues, their limits, and dead letters."""

from collections.abc import Iterable, Mapping
from typing import Unpack

import msgspec

from jobqueue.app.dead import DeadFields, DeadFilter
from jobqueue.app.limits import LimitsRequest, plain
from jobqueue.app.listing import JobFilter
from jobqueue.app.opened import Opened
from jobqueue.app.queues import LimitsInfo
from jobqueue.app.requests import model_from
from jobqueue.errors import FieldError, InvalidRequest
from jobqueue.limits import GroupLimits, QueueLimits
from jobqueue.state import State


class Operating(Opened):
    """Whole queues, and jobs that are dead."""

    async def pause(self, queue: str) -> None:
        """Start no more jobs of a queue until `resume`, on any worker; what runs goes on."""
        await self._opened().queues.pause(queue)

    async def resume(self, queue: str) -> None:
        """Start jobs of a queue again."""
        await self._opened().queues.resume(queue)

    async def drain(self, queue: str, *, delayed: bool = False) -> int:
        """Cancel what is queued, reason `drained`; what runs goes on.

        Args:
            queue: its name.
            delayed: cancel the scheduled jobs too, retries among them.

        Returns:
            How many jobs were cancelled.
        """
        return (await self._opened().queues.drain(queue, delayed=delayed)).count

    async def clear(self, queue: str, state: State) -> int:
        """Empty one state of a queue: what has ended is forgotten, what waits is cancelled.

        Returns:
            How many jobs it was.

        Raises:
            InvalidRequest: running jobs cannot be cleared.
        """
        return (await self._opened().queues.clear(queue, state)).count

    async def limits(self, queue: str) -> LimitsInfo:
        """The limits of a queue, and of its groups (tenants, or values of a limit key)."""
        return await self._opened().queues.limits(queue)

    async def set_limits(
        self,
        queue: str,
        limits: QueueLimits,
        *,
        groups: Mapping[str, GroupLimits] | None = None,
    ) -> None:
        """Set all limits of a queue, on all workers together; those that are None are lifted.

        Args:
            queue: its name.
            limits: those of the queue.
            groups: those of all groups that have their own; None leaves them as they are.

        Raises:
            InvalidRequest: a limit is no limit.
            QueuePartitioned: a limit counts all jobs of the queue, which has partitions.
        """
        queues = self._opened().queues
        if groups is None:
            groups = (await queues.limits(queue)).groups
        await queues.set_limits(queue, _request(limits, groups))

    async def set_group_limits(self, queue: str, group: str, limits: GroupLimits) -> None:
        """Set what one group, a tenant or a value of a limit key, may do in a queue.

        Args:
            queue: its name.
            group: the tenant, or the value.
            limits: its own; the default, `GroupLimits()`, lifts them.

        Raises:
            InvalidRequest: a limit is no limit.
        """
        checked = _request(QueueLimits(), {group: limits}).groups[group]
        await self._opened().queues.set_group_limits(queue, {group: checked.value()})

    async def partitions(self, queue: str) -> int:
        """How many partitions a queue has: 1, unless somebody has split it."""
        return await self._opened().queues.splitting.count(queue)

    async def set_partitions(self, queue: str, partitions: int) -> None:
        """Split a queue that one node of a cluster is too slow for, or make it whole again.

        Jobs without a key, a tenant or a job to wait for take turns between the partitions. Nothing
        is moved: jobs that are in a partition which gets no more are worked off there.

        Args:
            queue: its name.
            partitions: how many, 1 to 64.

        Raises:
            InvalidRequest: it cannot have so many.
            QueueLimited: it has limits that count all its jobs.
        """
        await self._opened().queues.splitting.set(queue, partitions)

    async def replay_dead(
        self,
        job_ids: Iterable[str] | None = None,
        *,
        dry_run: bool = False,
        **wanted: Unpack[DeadFields],
    ) -> int:
        """Queue dead jobs again, with all their attempts.

        Args:
            job_ids: these; None: all that are `wanted`.
            dry_run: change nothing, only count.
            wanted: which ones: the `queue` in which they died, their `type`, the `reason` why they
                are dead, e.g. `attempts_exhausted`, a `tag` or the `tenant` that they have, and
                `older_than`, seconds since they died at least; by default all.

        Returns:
            How many jobs it was, or would be.
        """
        dead, passing = self._opened().dead, _filter(wanted)
        if job_ids is not None:
            return (await dead.replay_some(_some(job_ids), dry_run=dry_run)).count
        return (await dead.replay(passing, dry_run=dry_run)).count

    async def purge_dead(
        self,
        job_ids: Iterable[str] | None = None,
        *,
        dry_run: bool = False,
        **wanted: Unpack[DeadFields],
    ) -> int:
        """Forget dead jobs; arguments and what it gives are those of `replay_dead`."""
        dead, passing = self._opened().dead, _filter(wanted)
        if job_ids is not None:
            return (await dead.purge_some(_some(job_ids), dry_run=dry_run)).count
        return (await dead.purge(passing, dry_run=dry_run)).count


def _request(limits: QueueLimits, groups: Mapping[str, GroupLimits]) -> LimitsRequest:
    fields = {**plain(limits), "groups": {name: plain(each) for name, each in groups.items()}}
    return model_from(fields, LimitsRequest, what="limit")


def _some(job_ids: Iterable[str]) -> list[str]:
    if isinstance(job_ids, str):
        problem = "must be several ids, not one string"
        raise InvalidRequest(f"job_ids {problem}", (FieldError("/job_ids", problem),))
    return [*job_ids]


def _filter(wanted: DeadFields) -> JobFilter:
    given = msgspec.structs.asdict(DeadFilter(**wanted))
    return model_from(given, DeadFilter, what="filter").value()
