"""What queues and groups of jobs are limited to: values only, None is no limit."""

import msgspec


class Rate(msgspec.Struct, frozen=True):
    """At most `count` starts in any `period` seconds."""

    count: int
    period: float


class GroupLimits(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one tenant (or value of a limit key) may do; None: what the queue says for each.

    Attributes:
        weight: jobs that start in its turn.
        concurrency: jobs that run at once, on all workers.
        size: jobs that have not ended.
    """

    weight: int = 1
    paused: bool = False
    concurrency: int | None = None
    rate: Rate | None = None
    size: int | None = None


class QueueLimits(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a queue may do, on all workers together; None: no limit.

    Attributes:
        concurrency: jobs that run at once.
        size: jobs that wait (queued, scheduled, blocked).
        group_concurrency, group_rate, group_size: the same for each tenant or value of a limit
            key, unless it has limits of its own.
        starvation_after: seconds after which a job that waits counts as one of the next higher
            lane.
    """

    concurrency: int | None = None
    rate: Rate | None = None
    size: int | None = None
    group_concurrency: int | None = None
    group_rate: Rate | None = None
    group_size: int | None = None
    starvation_after: float | None = None
