"""A worker on a queue that is split in partitions."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis
from prometheus_client import REGISTRY

from jobqueue.batch import Batch
from jobqueue.context import JobContext
from jobqueue.ids import partition_names
from jobqueue.metrics import WORKER_SLOTS
from jobqueue.model import PoolInfo
from jobqueue.state import State
from tests.broker.invariants import violations
from tests.support.wait import eventually

from .harness import QUEUE, Harness, until
from .stages import Calls, Crowd, Stage, submit_many
from .test_reaper import LEASE, reaping, shown

PARTITIONS = partition_names(QUEUE, 4)


@pytest.fixture
async def split(harness: Harness) -> AsyncIterator[Harness]:
    """A harness whose queue has four partitions; what they leave must hold together."""
    await harness.broker.partitioning.set(QUEUE, len(PARTITIONS))
    yield harness
    with redis.Redis.from_url(harness.url, decode_responses=True, encoding="latin-1") as client:
        for name in PARTITIONS:
            assert violations(client, f"{harness.namespace}:{{{name}}}:") == []


class Gathering:
    """A handler that holds its jobs until the test lets them go."""

    def __init__(self) -> None:
        self.present: set[str] = set()
        self.release = asyncio.Event()

    async def handle(self, job: JobContext, _: Any) -> None:
        """Stay."""
        self.present.add(job.id)
        await self.release.wait()

    async def has(self, count: int) -> bool:
        """Whether so many have come."""
        return len(self.present) == count


async def all_end(harness: Harness, job_ids: list[str]) -> None:
    """Wait until these jobs are completed."""
    for job_id in job_ids:
        assert (await harness.ended(job_id, within=30)).state is State.COMPLETED


async def test_one_partition_may_fill_all_slots(split: Harness) -> None:
    """Slots are of the queue: jobs of any of its partitions fill them all, and no more than all."""
    gathering = Gathering()
    split.define("stay", gathering.handle)
    async with split.worker(slots=3, drain=20.0) as worker:
        first = await submit_many(split, "stay", 3, queue=PARTITIONS[2])
        await until(lambda: gathering.has(3))
        others = [await split.submit("stay", queue=name) for name in PARTITIONS]
        assert worker.info().pools[0].busy == 3
        (listed,) = await until(split.broker.workers)
        assert [(pool.queue, pool.slots) for pool in listed.pools] == [(QUEUE, 3)]
        assert worker.info().pools == (PoolInfo(QUEUE, 3, 3, tuple(first)),)
        assert gathering.present == set(first)
        gathering.release.set()
        await all_end(split, [*first, *others])


@pytest.mark.parametrize("slots", [1, 3, 40])
async def test_slots_are_never_exceeded(split: Harness, slots: int) -> None:
    """However many partitions are loaded, no more jobs run at once than the queue has slots."""
    crowd = Crowd()
    split.define("crowd", crowd.handle)
    ids = [job for name in PARTITIONS for job in await submit_many(split, "crowd", 60, queue=name)]
    async with split.worker(slots=slots):
        await all_end(split, ids)
    assert len(crowd.seen) == len(ids)
    assert crowd.most <= slots


@pytest.mark.parametrize("slots", [1, 2, 8])
async def test_loaded_partitions_take_turns(split: Harness, slots: int) -> None:
    """A partition with a long backlog does not keep the jobs of another from their slots."""
    seen: list[int] = []

    async def note(_: JobContext, number: int) -> None:
        seen.append(number)
        await asyncio.sleep(0.001)

    split.define("note", note)
    long = [await split.submit("note", 0, queue=PARTITIONS[0]) for _ in range(400)]
    short = [await split.submit("note", 1, queue=PARTITIONS[3]) for _ in range(40)]
    async with split.worker(slots=slots):
        await all_end(split, [*short, *long])
    behind = len(seen) - 1 - seen[::-1].index(1)
    assert seen[:behind].count(0) < 200


async def test_a_job_in_an_idle_partition_gets_its_turn(split: Harness) -> None:
    """A job that comes to a partition while others keep all slots busy starts all the same."""
    enough = asyncio.Event()

    async def endless(_: JobContext, partition: str) -> None:
        await asyncio.sleep(0.005)
        if not enough.is_set():
            await split.submit("endless", partition, queue=partition)

    split.define("endless", endless)
    split.define("quick", Crowd().handle)
    for name in PARTITIONS[:2] * 5:
        await split.submit("endless", name, queue=name)
    async with split.worker(slots=2, drain=5.0) as worker:

        async def is_idle() -> bool:
            served = worker._lines[0].partitions.get(PARTITIONS[3])
            if served is None:
                return False
            fetcher = served.fetcher
            return not (fetcher._ask or fetcher.calling or fetcher._waiter.outstanding)

        for _ in range(3):
            await until(is_idle)  # it neither waits in Redis, nor does it know of any job
            await split.ended(await split.submit("quick", queue=PARTITIONS[3]))
        enough.set()


async def test_a_full_worker_hands_on_what_reaches_it(split: Harness) -> None:
    """A job that Redis hands to a worker whose slots other partitions have runs elsewhere."""
    stage = Stage()
    split.define("slow", stage.handle)
    split.define("quick", Crowd().handle)
    async with split.worker(slots=1, drain=20.0) as full:
        await split.submit("slow", queue=PARTITIONS[1])
        await stage.started.wait()
        async with split.worker(slots=1):
            for name in PARTITIONS:
                await split.ended(await split.submit("quick", queue=name))
        assert full.info().pools[0].busy == 1
        stage.release.set()


async def test_a_running_worker_finds_new_partitions(harness: Harness) -> None:
    """A queue that is split while its workers run is served whole within seconds."""
    harness.define("quick", Crowd().handle)
    async with harness.worker() as worker:
        await harness.ended(await harness.submit("quick"))
        await harness.broker.partitioning.set(QUEUE, 3)
        ids = [await harness.submit("quick", queue=name) for name in partition_names(QUEUE, 3)]
        await all_end(harness, ids)
        assert worker.info().processed == 4
        (listed,) = await harness.broker.workers()
        assert len(listed.pools) == 1
    assert await harness.broker.workers() == []


async def test_a_partition_that_gets_no_more_jobs_is_emptied(split: Harness) -> None:
    """Jobs that were in a partition when the queue was made smaller run like all others."""
    split.define("quick", Crowd().handle)
    ids = [await split.submit("quick", queue=name, delay=1.0) for name in PARTITIONS]
    await split.broker.partitioning.set(QUEUE, 1)
    async with split.worker():
        await all_end(split, ids)


async def test_jobs_of_a_lost_worker_come_back(split: Harness) -> None:
    """What a worker that died had of several partitions is taken back, and runs."""
    split.define("quick", Crowd().handle)
    ids = [await split.submit("quick", queue=name) for name in PARTITIONS]
    for name in PARTITIONS:
        consumer = await split.broker.consumer(name, worker_id="died", lease=LEASE)
        assert len((await consumer.claim(1)).jobs) == 1
    async with reaping(split), split.worker():
        for job_id in ids:
            job = await split.ended(job_id)
            assert (job.state, job.crashes, job.queue) == (State.COMPLETED, 1, QUEUE)


async def test_a_quiet_worker_is_quiet_in_all_partitions(split: Harness) -> None:
    """What an operator says to a worker holds for every partition."""
    split.define("quick", Crowd().handle)
    async with split.worker() as worker:
        await until(split.broker.workers)
        await split.broker.quiet(worker.id)

        async def is_quiet() -> bool:
            return worker.quiet

        await until(is_quiet)
        ids = [await split.submit("quick", queue=name) for name in PARTITIONS]
        async with split.worker():
            await all_end(split, ids)
        assert worker.info().processed == 0
        await split.broker.unquiet(worker.id)
        await all_end(split, [await split.submit("quick", queue=name) for name in PARTITIONS])


async def test_a_rate_is_of_the_queue(split: Harness) -> None:
    """What a worker may start in a time it may start in all partitions together."""
    crowd = Crowd()
    split.define("crowd", crowd.handle)
    ids = [await split.submit("crowd", queue=name) for name in PARTITIONS]
    async with split.worker(rates={QUEUE: "3/600"}) as limited:

        async def three_ended() -> bool:
            (stats,) = await split.broker.stats([QUEUE])
            return stats.counts[State.COMPLETED] == 3

        await until(three_ended)
        async with split.worker():
            await all_end(split, ids)
        assert limited.info().processed == 3
    assert len(crowd.seen) == 4


async def test_a_batch_takes_jobs_of_all_partitions(split: Harness) -> None:
    """Jobs of several partitions come to the handler of a batch in one call."""
    calls = Calls()
    split.define("mail", calls.handle, batch=Batch(size=4, wait=20.0))
    async with split.worker(slots=6):
        await all_end(split, [await split.submit("mail", queue=name) for name in PARTITIONS])
    assert calls.sizes == [4]


async def test_a_running_job_of_a_partition_is_cancelled(split: Harness) -> None:
    """A cancellation finds a job wherever it runs."""
    stage = Stage()
    split.define("slow", stage.handle)
    async with split.worker():
        job_id = await split.submit("slow", queue=PARTITIONS[2])
        await stage.started.wait()
        await split.broker.cancel(job_id)
        assert (await split.ended(job_id, within=3)).state is State.CANCELLED


async def test_a_drain_is_of_all_partitions(split: Harness) -> None:
    """A worker that stops hands back what it had of each partition."""
    gathering = Gathering()
    split.define("stay", gathering.handle)
    async with split.worker(slots=4, drain=0.1):
        ids = [await split.submit("stay", queue=name) for name in PARTITIONS]
        await until(lambda: gathering.has(4))
    for job_id in ids:
        job = await split.job(job_id)
        assert (job.state, job.attempt, job.deliveries) == (State.QUEUED, 0, 0)


async def test_metrics_know_the_queue_only(split: Harness) -> None:
    """Gauges and counters add up the partitions of a queue, and name none of them."""
    split.define("quick", Crowd().handle)
    for name in PARTITIONS:
        await split.submit("quick", queue=name)
    async with reaping(split) as registry:
        line = f'jobqueue_queue_jobs{{queue="{QUEUE}",state="queued"}} 4.0'
        await eventually(lambda: line in shown(registry))
        assert not any(f'queue="{QUEUE}.' in line for line in shown(registry))
    async with split.worker():
        await all_end(split, [await split.submit("quick", queue=name) for name in PARTITIONS])
        gauge = WORKER_SLOTS.labels(QUEUE, "free")._value
        await eventually(lambda: gauge.get() == 4)
    assert not any(f'"{QUEUE}.' in line for line in shown(REGISTRY))
