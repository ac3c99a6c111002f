"""Brokers on a real cluster and on a real master with replicas and sentinels."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from jobqueue.broker.broker import Broker, Connections, Consumer
from jobqueue.broker.slots import slot_of
from jobqueue.settings import RetentionSettings
from tests.broker.helpers import QUEUE, prefix_of
from tests.broker.invariants import violations
from tests.support.cluster import RedisCluster, redis_cluster
from tests.support.nodes import topology_binary
from tests.support.redis import RedisClient, debug_options
from tests.worker.harness import Harness


@pytest.fixture(scope="session")
def cluster() -> Iterator[RedisCluster]:
    """A cluster whose nodes all stay alive and keep their slots."""
    with (
        tempfile.TemporaryDirectory(prefix="jq-") as folder,
        redis_cluster(Path(folder), *debug_options(topology_binary())) as cluster,
    ):
        yield cluster


@pytest.fixture(scope="session")
def redis_url(cluster: RedisCluster) -> str:
    """The URL of the cluster."""
    return cluster.url


@pytest.fixture
def client(cluster: RedisCluster, namespace: str) -> RedisClient:
    """A plain client of the node that has the queue of the tests."""
    return client_of(cluster, namespace)


def client_of(cluster: RedisCluster, namespace: str) -> RedisClient:
    """A plain client of the node that has the queue of the tests by now."""
    return cluster.master_of(slot_of(prefix_of(namespace))).client


@pytest.fixture
async def broker(cluster: RedisCluster, namespace: str) -> AsyncIterator[Broker]:
    """A broker in a namespace of the test's own; what it leaves must hold together."""
    connections = await Connections.open(cluster.url)
    broker = Broker(connections, namespace=namespace, retention=RetentionSettings())
    yield broker
    await broker.close()
    wrong = violations(client_of(cluster, namespace), prefix_of(namespace))
    for node in cluster.masters():
        node.client.flushall()
    assert wrong == []


@pytest.fixture
async def harness(cluster: RedisCluster, broker: Broker, namespace: str, tmp_path: Path) -> Harness:
    """A worker's surroundings on the cluster."""
    return Harness(broker, cluster.url, namespace, tmp_path)


@pytest.fixture
async def consumer(broker: Broker) -> Consumer:
    """A worker's hold on the queue of the tests."""
    return await broker.consumer(QUEUE, worker_id="w1", lease=15)
