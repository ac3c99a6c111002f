"""`starvation_after`: a job that waited long enough counts as one of the next higher lane."""

import pytest

from jobqueue.broker.broker import Broker, Consumer
from jobqueue.limits import QueueLimits
from jobqueue.submission import Priority
from tests.support.wait import eventually

from .helpers import QUEUE, claim, complete, enqueue

AFTER = 0.02


async def _starved(broker: Broker) -> bool:
    (stats,) = await broker.stats([QUEUE])
    return stats.oldest_queued_seconds > 2 * AFTER


@pytest.mark.parametrize("slots", [1, 5])
@pytest.mark.parametrize("group", [None, "red"])
async def test_a_starving_job_starts_before_newer_ones_of_the_next_lane(
    broker: Broker, consumer: Consumer, slots: int, group: str | None
) -> None:
    """Whether a worker takes jobs one by one or several at once, in any tenant."""
    await broker.operator.set_limits(QUEUE, QueueLimits(starvation_after=AFTER))
    await enqueue(broker, group=group)  # is handed over to whoever comes first
    (starving,) = await enqueue(broker, priority=Priority.LOW, group=group)
    await eventually(lambda: _starved(broker))
    await enqueue(broker, 20, priority=Priority.NORMAL, group=group)
    started: list[str] = []
    while starving not in started:
        jobs = await claim(consumer, slots)
        started += [job.id for job in jobs]
        for job in jobs:
            await complete(consumer, job)
    assert len(started) <= max(slots, 2)


async def test_it_rises_by_one_lane(broker: Broker, consumer: Consumer) -> None:
    """A starving low job passes normal ones, and never those of two lanes above."""
    await broker.operator.set_limits(QUEUE, QueueLimits(starvation_after=AFTER))
    (first,) = await enqueue(broker)  # is handed over to whoever comes first
    (starving,) = await enqueue(broker, priority=Priority.LOW)
    await eventually(lambda: _starved(broker))
    high = await enqueue(broker, 5, priority=Priority.HIGH)
    normal = await enqueue(broker, 5, priority=Priority.NORMAL)
    started = [job.id for _ in range(12) for job in await claim(consumer)]
    assert started == [first, *high, starving, *normal]


async def test_without_it_lanes_are_strict(broker: Broker, consumer: Consumer) -> None:
    """It is off by default: a low job waits for all above it, however long."""
    await enqueue(broker, priority=Priority.NORMAL)  # is handed over to whoever comes first
    (low,) = await enqueue(broker, priority=Priority.LOW)
    await eventually(lambda: _starved(broker))
    await enqueue(broker, 5, priority=Priority.NORMAL)
    started = [job.id for _ in range(7) for job in await claim(consumer)]
    assert started[-1] == low
