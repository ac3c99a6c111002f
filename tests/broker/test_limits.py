"""Limits of queues and of tenants, on all workers together, and that jobs go on after each."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from msgspec.structs import replace

from jobqueue.broker.broker import Broker, Consumer
from jobqueue.errors import Backpressure, QueueFull, TenantFull
from jobqueue.ids import new_job_id
from jobqueue.limits import GroupLimits, QueueLimits, Rate
from jobqueue.model import Outcome
from jobqueue.state import State
from jobqueue.submission import JobOptions, Unique, UniqueMode
from tests.support.wait import eventually

from .helpers import (
    QUEUE,
    claim,
    claim_one,
    complete,
    counts,
    crash,
    enqueue,
    idle_worker,
    new_job,
    read,
    settle,
)

HOUR = 3600.0


async def test_a_queue_never_runs_more_than_its_cap(broker: Broker, consumer: Consumer) -> None:
    """However many slots the workers have, and a free slot is used at once."""
    await broker.operator.set_limits(QUEUE, QueueLimits(concurrency=2))
    other = await broker.consumer(QUEUE, worker_id="w2", lease=15)
    await enqueue(broker, 5)
    running = await claim(consumer, 10)
    assert (len(running), await claim(other, 10)) == (2, [])
    await complete(consumer, running[0])
    assert len(await claim(other, 10)) == 1


async def test_the_slot_of_a_lost_worker_comes_free(broker: Broker, consumer: Consumer) -> None:
    """A job whose lease ran out counts against no cap once it was taken back."""
    limits = QueueLimits(concurrency=1, group_concurrency=1)
    await broker.operator.set_limits(QUEUE, limits)
    (job_id,) = await enqueue(broker, group="red")
    await crash(broker)
    assert (await claim_one(consumer)).id == job_id


@pytest.mark.parametrize("group", [None, "red"])
async def test_a_rate_holds_over_any_period(broker: Broker, group: str | None) -> None:
    """Three workers race: in no period do more jobs start than the rate says."""
    count, period = 4, 0.1
    rate = Rate(count, period)
    limits = QueueLimits(group_rate=rate) if group else QueueLimits(rate=rate)
    await broker.operator.set_limits(QUEUE, limits)
    ids = await enqueue(broker, 17, group=group)
    workers = [idle_worker(broker, f"w{number}") for number in range(3)]
    tasks = [asyncio.create_task(worker) for worker in workers]
    await eventually(lambda: _ended(broker, len(ids)))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    starts = sorted([(await read(broker, job_id)).started_at_ms or 0 for job_id in ids])
    windows = zip(starts, starts[count:], strict=False)
    assert min(later - first for first, later in windows) >= period * 1000


async def _ended(broker: Broker, count: int) -> bool:
    return (await counts(broker)).get(State.COMPLETED) == count


async def _pause_over(broker: Broker) -> None:
    await broker.operator.pause(QUEUE)
    await broker.operator.resume(QUEUE)


async def _cap_raised(broker: Broker) -> None:
    await broker.operator.set_limits(QUEUE, QueueLimits(concurrency=0))
    await broker.operator.set_limits(QUEUE, QueueLimits(concurrency=5))


async def _group_resumed(broker: Broker) -> None:
    await broker.operator.set_group_limits(QUEUE, "red", GroupLimits(paused=True))
    await broker.operator.set_group_limits(QUEUE, "red", GroupLimits())


async def _rate_lifted(broker: Broker) -> None:
    await broker.operator.set_limits(QUEUE, QueueLimits(rate=Rate(1, HOUR)))
    await _start_one(broker)
    await broker.operator.set_limits(QUEUE, QueueLimits())


async def _rate_raised(broker: Broker) -> None:
    await broker.operator.set_limits(QUEUE, QueueLimits(rate=Rate(1, HOUR)))
    await _start_one(broker)
    await broker.operator.set_limits(QUEUE, QueueLimits(rate=Rate(100, 1.0)))


async def _group_rate_raised(broker: Broker) -> None:
    await broker.operator.set_limits(QUEUE, QueueLimits(group_rate=Rate(1, HOUR)))
    await _start_one(broker)
    await broker.operator.set_limits(QUEUE, QueueLimits(group_rate=Rate(100, 1.0)))


async def _rate_limited_by_a_handler(broker: Broker) -> None:
    consumer = await broker.consumer(QUEUE, worker_id="limited", lease=15)
    jobs = await claim(consumer)
    await settle(consumer, jobs, Outcome.RATE_LIMITED, delay_ms=100)
    await consumer.leave()


async def _start_one(broker: Broker) -> None:
    consumer = await broker.consumer(QUEUE, worker_id="first", lease=15)
    await complete(consumer, await claim_one(consumer))
    assert await claim(consumer) == []
    await consumer.leave()


CLOSINGS = [
    _pause_over,
    _cap_raised,
    _group_resumed,
    _rate_lifted,
    _rate_raised,
    _group_rate_raised,
    _rate_limited_by_a_handler,
]


@pytest.mark.parametrize("close", CLOSINGS, ids=lambda close: close.__name__.strip("_"))
async def test_jobs_go_on_after_each_closing(
    broker: Broker, close: Callable[[Broker], Awaitable[None]]
) -> None:
    """An idle worker starts them by itself, without a reaper, within its one block."""
    await enqueue(broker, 5, group="red")
    await close(broker)
    task = asyncio.create_task(idle_worker(broker, "idle"))
    await eventually(lambda: _ended(broker, 5), within=5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_rate_slot_is_not_missed_for_a_later_job(
    broker: Broker, consumer: Consumer
) -> None:
    """Behind a rate that is used up, the worker is told of its end and not of the next due job."""
    await broker.operator.set_limits(QUEUE, QueueLimits(rate=Rate(1, 0.5)))
    await enqueue(broker, 2)
    await enqueue(broker, delay_ms=600_000)
    await complete(consumer, await claim_one(consumer))
    due_in = (await consumer.claim(1)).due_in
    assert due_in is not None
    assert due_in <= 0.5


async def test_a_tenant_never_runs_more_than_its_cap(broker: Broker, consumer: Consumer) -> None:
    """Its other jobs wait, and those of others pass them."""
    await broker.operator.set_limits(QUEUE, QueueLimits(group_concurrency=1))
    await enqueue(broker, 3, group="red")
    await enqueue(broker, 3, group="blue")
    await enqueue(broker, 3)
    running = await claim(consumer, 9)
    groups = sorted(job.group or "" for job in running)
    assert groups == ["", "", "", "blue", "red"]
    for job in running:
        await complete(consumer, job)
    assert sorted(job.group or "" for job in await claim(consumer, 9)) == ["blue", "red"]


async def test_limits_of_its_own_win_over_the_queues(broker: Broker, consumer: Consumer) -> None:
    """A tenant with a limit of its own has that, and the queue's for all it does not name."""
    await broker.operator.set_limits(QUEUE, QueueLimits(group_concurrency=1, group_size=4))
    own = GroupLimits(concurrency=3)
    await broker.operator.set_group_limits(QUEUE, "red", own)
    assert await broker.operator.group_limits(QUEUE) == {"red": own}
    await enqueue(broker, 4, group="red")
    await enqueue(broker, 4, group="blue")
    with pytest.raises(TenantFull):
        await enqueue(broker, group="red")
    groups = sorted(job.group or "" for job in await claim(consumer, 9))
    assert groups == ["blue", "red", "red", "red"]
    await broker.operator.set_group_limits(QUEUE, "red", GroupLimits())
    assert await broker.operator.group_limits(QUEUE) == {}


async def test_a_paused_tenant_starts_nothing(broker: Broker, consumer: Consumer) -> None:
    """Also not what was handed over already; others go on, and so does what runs."""
    await enqueue(broker, 2, group="red")
    (running,) = await claim(consumer)
    await broker.operator.set_group_limits(QUEUE, "red", GroupLimits(paused=True))
    (blue,) = await enqueue(broker, group="blue")
    assert [job.id for job in await claim(consumer, 5)] == [blue]
    await settle(consumer, [running], Outcome.RETRY)
    assert await claim(consumer, 5) == []
    await broker.operator.set_group_limits(QUEUE, "red", GroupLimits())
    assert len(await claim(consumer, 5)) == 2


async def test_a_tenant_has_room_again_when_a_job_ends(broker: Broker, consumer: Consumer) -> None:
    """Its size counts jobs that have not ended, those that run among them."""
    await broker.operator.set_limits(QUEUE, QueueLimits(group_size=2))
    await enqueue(broker, 2, group="red")
    job = await claim_one(consumer)
    with pytest.raises(TenantFull, match="red"):
        await enqueue(broker, group="red")
    await enqueue(broker, 2, group="blue")
    await complete(consumer, job)
    await enqueue(broker, group="red")


async def test_a_queues_size_counts_what_waits(broker: Broker, consumer: Consumer) -> None:
    """Queued and delayed jobs fill it, running ones do not; a bulk fits whole or not at all."""
    await broker.operator.set_limits(QUEUE, QueueLimits(size=3))
    await enqueue(broker)
    await enqueue(broker, delay_ms=600_000)
    with pytest.raises(QueueFull):
        await enqueue(broker, 2)
    await enqueue(broker)
    with pytest.raises(QueueFull):
        await enqueue(broker)
    await claim(consumer)
    await enqueue(broker)
    with pytest.raises(QueueFull):
        await enqueue(broker, 700)
    assert await counts(broker) == {State.QUEUED: 2, State.SCHEDULED: 1, State.ACTIVE: 1}


async def test_the_longest_limit_that_a_tenant_met_counts(
    broker: Broker, consumer: Consumer
) -> None:
    """Of two jobs that were told to wait, the one told last does not shorten the other's time."""
    await enqueue(broker, 3, group="red")
    long, short = await claim(consumer, 2)
    await settle(consumer, [long], Outcome.RATE_LIMITED, delay_ms=60_000)
    await settle(consumer, [short], Outcome.RATE_LIMITED, delay_ms=1)
    started = asyncio.get_running_loop().time()
    while asyncio.get_running_loop().time() < started + 0.1:
        assert await claim(consumer, 5) == []


async def test_a_large_bulk_fits_a_tenants_size_or_is_refused(broker: Broker) -> None:
    """A bulk in many parts does not pass a limit that each part alone would keep."""
    await broker.operator.set_limits(QUEUE, QueueLimits(group_size=700))
    with pytest.raises(TenantFull, match="'red' has 0 jobs"):
        await enqueue(broker, 701, group="red")
    assert await counts(broker) == {}
    await enqueue(broker, 700, group="red")
    assert await counts(broker) == {State.QUEUED: 700}


@pytest.mark.parametrize("limits", [QueueLimits(size=700), QueueLimits(group_size=700)])
async def test_a_large_bulk_that_came_in_may_be_sent_again(
    broker: Broker, limits: QueueLimits
) -> None:
    """Jobs for which the first ones stand by their idempotency key need no room."""
    await broker.operator.set_limits(QUEUE, limits)
    jobs = [new_job(group="red", options=JobOptions(key=str(n)), digest="d") for n in range(700)]
    first = await broker.enqueue_many(jobs)
    again = [replace(job, id=new_job_id(QUEUE)) for job in jobs]
    assert [each.id for each in await broker.enqueue_many(again)] == [each.id for each in first]


@pytest.mark.parametrize("mode", list(UniqueMode))
@pytest.mark.parametrize("limits", [QueueLimits(size=1), QueueLimits(group_size=1)])
async def test_a_job_that_another_stands_for_needs_no_room(
    broker: Broker, mode: UniqueMode, limits: QueueLimits
) -> None:
    """Where a queue or tenant is full, a waiting job still takes the newest payload of its key."""
    await broker.operator.set_limits(QUEUE, limits)
    unique = JobOptions(unique=Unique("k", mode, ttl=60))
    first = new_job(b"1", group="red", options=unique)
    await broker.enqueue(first)
    assert (await broker.enqueue(new_job(b"2", group="red", options=unique))).id == first.id
    newest = mode in {UniqueMode.DEBOUNCE, UniqueMode.LATEST}
    assert (await read(broker, first.id)).payload == (b"2" if newest else b"1")
    with pytest.raises(Backpressure):
        await broker.enqueue(new_job(group="red"))


async def test_limits_are_read_back(broker: Broker) -> None:
    """An operator sees what is set."""
    limits = QueueLimits(1, Rate(2, 3.0), 4, 5, Rate(6, 7.0), 8, 9.0)
    await broker.operator.set_limits(QUEUE, limits)
    assert await broker.operator.limits(QUEUE) == limits


async def test_a_rate_limited_tenant_leaves_others_alone(
    broker: Broker, consumer: Consumer
) -> None:
    """Nothing of it starts until the time is over; then all of it may."""
    await enqueue(broker, 3, group="red")
    jobs = await claim(consumer)
    await settle(consumer, jobs, Outcome.RATE_LIMITED, delay_ms=100)
    settled_at = asyncio.get_running_loop().time()
    (blue,) = await enqueue(broker, group="blue")
    assert [job.id for job in await claim(consumer, 5)] == [blue]
    first = await eventually(lambda: claim(consumer, 5))
    assert asyncio.get_running_loop().time() - settled_at >= 0.095
    second = await claim(consumer, 5) if len(first) < 3 else []
    assert len(first) + len(second) == 3
