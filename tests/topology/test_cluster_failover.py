"""A master of a cluster dies while its queue is worked on."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from jobqueue.broker.slots import slot_of
from jobqueue.errors import RedisUnavailable
from jobqueue.state import State
from tests.broker.helpers import prefix_of
from tests.broker.invariants import violations
from tests.support.cluster import RedisCluster, redis_cluster
from tests.support.wait import eventually
from tests.worker.harness import Harness, open_broker

from .pipeline import running_pipeline


@pytest.fixture(scope="module")
def cluster() -> Iterator[RedisCluster]:
    """A cluster that is there to be broken."""
    with tempfile.TemporaryDirectory(prefix="jq-") as folder, redis_cluster(Path(folder)) as broken:
        yield broken


@pytest.fixture
async def harness(cluster: RedisCluster, namespace: str, tmp_path: Path) -> AsyncIterator[Harness]:
    """A worker's surroundings; the queue that it leaves must hold together."""
    broker = await open_broker(cluster.url, namespace)
    yield Harness(broker, cluster.url, namespace, tmp_path)
    await broker.close()
    client = cluster.master_of(slot_of(prefix_of(namespace))).client
    assert violations(client, prefix_of(namespace)) == []


async def test_all_jobs_end_once_though_their_master_is_killed(
    cluster: RedisCluster, harness: Harness
) -> None:
    """What had reached the replica is worked off there; worker, keeper and listeners follow."""
    master = cluster.master_of(slot_of(prefix_of(harness.namespace)))
    async with running_pipeline(harness) as pipeline:
        await pipeline.submit()
        await eventually(lambda: len(pipeline.crowd.seen) > 50)
        async with harness.broker.events() as events:
            cluster.await_replicas()
            master.kill()
            with pytest.raises(RedisUnavailable):
                async for _ in events:
                    pass
        await eventually(pipeline.all_completed, within=30)
        assert pipeline.ran() == set(range(len(pipeline.ids)))
        job_id = await harness.submit("crowd", -1)  # an idle worker is woken there, too
        assert (await harness.ended(job_id)).state is State.COMPLETED
        async with harness.broker.events(job_id):
            pass
