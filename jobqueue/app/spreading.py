"""Which partition of its queue a new job goes to."""

import random
from collections.abc import Sequence

import msgspec

from jobqueue.broker.partitions import Partitions
from jobqueue.ids import MAX_PARTITIONS, ULID_LENGTH, partition_names, partition_of
from jobqueue.submission import NewJob


class Spreader:
    """Lets the partitions of a queue take turns.

    Only plain jobs are spread. What is held against other jobs of the queue (a key, a tenant, a job
    to wait for) goes to the first partition, where those others are.
    """

    def __init__(self, partitions: Partitions) -> None:
        self._partitions = partitions
        self._turn = random.randrange(MAX_PARTITIONS)  # many short programs spread their jobs too

    async def spread(self, jobs: Sequence[NewJob]) -> list[NewJob]:
        """`jobs` of one call, with ids that say where each goes.

        All jobs of one queue go to one partition: they come in all or none, and in their order.
        """
        counts = await self._partitions.known()
        if not counts:
            return list(jobs)
        # a job that is not spread yet is in its queue's first partition, which has the queue's name
        ahead = {partition_of(job.id) for job in jobs if not _is_plain(job)}
        targets = {
            queue: self._next(queue, counts[queue])
            for queue in {partition_of(job.id) for job in jobs}
            if queue in counts and queue not in ahead
        }
        return [_placed(job, targets.get(partition_of(job.id))) for job in jobs]

    def _next(self, queue: str, count: int) -> str:
        self._turn += 1
        return partition_names(queue, count)[self._turn % count]


def _is_plain(job: NewJob) -> bool:
    options = job.options
    return not (job.group or options.key or options.unique or options.depends_on)


def _placed(job: NewJob, partition: str | None) -> NewJob:
    if partition is None:
        return job
    return msgspec.structs.replace(job, id=f"{partition}-{job.id[-ULID_LENGTH:]}")
