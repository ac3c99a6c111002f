"""A queue in partitions on a cluster: one queue, several nodes."""

import pytest

from jobqueue import JobQueue
from jobqueue.broker.slots import slot_of
from jobqueue.ids import partition_names, split_job_id
from jobqueue.settings import Settings
from jobqueue.state import State
from tests.broker.helpers import prefix_of
from tests.broker.invariants import violations
from tests.support.cluster import RedisCluster, SlotMove
from tests.support.wait import eventually
from tests.worker.harness import QUEUE, Harness
from tests.worker.stages import Crowd, Stage, submit_many

JOBS = 240
PARTITIONS = partition_names(QUEUE, 6)


@pytest.fixture
async def app(harness: Harness) -> JobQueue:
    """A program whose queue is split, with a type that any worker of the harness runs."""
    app = JobQueue()

    @app.job("crowd", queue=QUEUE)
    async def crowd(_job: object, payload: int) -> int:
        return payload

    app.attach(harness.broker, Settings())
    await app.set_partitions(QUEUE, len(PARTITIONS))
    return app


async def test_one_queue_is_worked_on_several_nodes(
    app: JobQueue, harness: Harness, cluster: RedisCluster
) -> None:
    """Jobs of a split queue lie on several nodes; one worker runs each of them once."""
    crowd = Crowd()
    harness.define("crowd", crowd.handle)
    handles = [await app.enqueue("crowd", number) for number in range(JOBS // 2)]
    for first in range(JOBS // 2, JOBS, 20):
        bulk = [{"type": "crowd", "payload": number} for number in range(first, first + 20)]
        handles += await app.enqueue_many(bulk)
    used = {names[0] for handle in handles if (names := split_job_id(handle.id))}
    assert used == set(PARTITIONS)
    nodes = {cluster.master_of(slot_of(prefix_of(harness.namespace, name))) for name in PARTITIONS}
    assert len(nodes) > 1
    async with harness.worker(slots=3):

        async def all_completed() -> bool:
            (stats,) = await harness.broker.stats()
            return stats.counts[State.COMPLETED] == JOBS

        await eventually(all_completed, within=30)
        (worker,) = await harness.broker.workers()
    assert [pool.queue for pool in worker.pools] == [QUEUE]
    assert sorted(crowd.seen) == list(range(JOBS))
    assert crowd.most <= 3
    page = await harness.broker.list_jobs(State.COMPLETED, queue=QUEUE, limit=100)
    assert (len(page.jobs), {job.queue for job in page.jobs}) == (100, {QUEUE})
    for name in PARTITIONS:
        node = cluster.master_of(slot_of(prefix_of(harness.namespace, name)))
        assert violations(node.client, prefix_of(harness.namespace, name)) == []


async def test_a_queue_is_split_while_it_is_worked(app: JobQueue, harness: Harness) -> None:
    """A running worker follows a queue to further nodes."""
    crowd = Crowd()
    harness.define("crowd", crowd.handle)
    await app.set_partitions(QUEUE, 1)
    async with harness.worker(slots=2):
        await (await app.enqueue("crowd", 0)).get()
        await app.set_partitions(QUEUE, 12)
        handles = [await app.enqueue("crowd", number) for number in range(1, 25)]
        for handle in handles:
            assert (await harness.ended(handle.id)).state is State.COMPLETED
    assert sorted(crowd.seen) == list(range(25))


@pytest.mark.usefixtures("app")
async def test_a_partition_that_stands_still_holds_no_other_up(
    harness: Harness, cluster: RedisCluster
) -> None:
    """While the slot of one partition moves, the only slot of a worker serves all others."""
    crowd, stage = Crowd(), Stage()
    harness.define("crowd", crowd.handle)
    harness.define("slow", stage.handle)
    stuck, *others = reversed(PARTITIONS)
    async with harness.worker(slots=1):
        for name in PARTITIONS:  # it serves all of them
            await harness.ended(await harness.submit("crowd", queue=name))
        await harness.submit("slow", queue=stuck)
        await stage.started.wait()
        waiting = await submit_many(harness, "crowd", 20, queue=stuck)
        jobs = [
            job for name in others for job in await submit_many(harness, "crowd", 20, queue=name)
        ]
        move = SlotMove(cluster, slot_of(prefix_of(harness.namespace, stuck)))
        move.begin()
        move.move_keys(10)
        stage.release.set()
        for job_id in jobs:
            assert (await harness.ended(job_id)).state is State.COMPLETED
        assert len(crowd.seen) == len(PARTITIONS) + len(jobs)
        move.finish()
        for job_id in waiting:
            assert (await harness.ended(job_id, within=20)).state is State.COMPLETED
    assert len(crowd.seen) == len(PARTITIONS) + len(jobs) + len(waiting)
