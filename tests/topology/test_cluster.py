"""What is different in a cluster: several nodes at once, and channels that belong to one."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from jobqueue.broker.broker import Broker, Connections, Consumer
from jobqueue.broker.slots import slot_of
from jobqueue.errors import RedisUnavailable
from jobqueue.ids import new_job_id
from jobqueue.model import CancelResult, Outcome
from jobqueue.redis_url import parse_redis_url
from jobqueue.settings import RetentionSettings
from jobqueue.state import State
from jobqueue.submission import NewJob
from tests.broker.helpers import QUEUE, claim_one, enqueue, new_job, prefix_of, settle
from tests.broker.invariants import violations
from tests.support.cluster import RedisCluster
from tests.support.redis import RedisClient
from tests.support.wait import eventually
from tests.worker.harness import Harness
from tests.worker.stages import Crowd, Stage

from .pipeline import running_pipeline


@pytest.fixture
def scattered(cluster: RedisCluster, namespace: str) -> list[str]:
    """Names of queues, one on each master."""
    names: dict[int, str] = {}
    for number in range(100):
        master = cluster.master_of(slot_of(prefix_of(namespace, f"q{number}")))
        names.setdefault(master.port, f"q{number}")
    return sorted(names.values())


@pytest.fixture
async def elsewhere(cluster: RedisCluster, namespace: str) -> AsyncIterator[Broker]:
    """The same queues as another process sees them."""
    connections = await Connections.open(cluster.url)
    broker = Broker(connections, namespace=namespace, retention=RetentionSettings())
    yield broker
    await broker.close()


async def test_queues_of_one_worker_live_on_several_nodes(
    harness: Harness, cluster: RedisCluster, scattered: list[str]
) -> None:
    """A worker serves its queues wherever they are, and stats and lists show all of them."""
    crowd = Crowd()
    for queue in scattered:
        harness.define(queue, crowd.handle, queue=queue)
    assert len(scattered) == 3
    async with harness.worker(queues=dict.fromkeys(scattered, 2)):
        jobs = [
            NewJob(new_job_id(queue), queue, b'"%s %d"' % (queue.encode(), number))
            for number in range(30)
            for queue in scattered
        ]
        await harness.broker.enqueue_many(jobs)
        for job in jobs:
            assert (await harness.ended(job.id)).state is State.COMPLETED
        (worker,) = await harness.broker.workers()
    assert {pool.queue for pool in worker.pools} == set(scattered)
    assert len(crowd.seen) == len(set(crowd.seen)) == len(jobs)
    stats = {each.queue: each.counts for each in await harness.broker.stats()}
    assert {queue: stats[queue][State.COMPLETED] for queue in scattered} == dict.fromkeys(
        scattered, 30
    )
    page = await harness.broker.list_jobs(State.COMPLETED, limit=100)
    assert {job.id for job in page.jobs} == {job.id for job in jobs}
    for queue in scattered:
        node = cluster.master_of(slot_of(prefix_of(harness.namespace, queue)))
        assert violations(node.client, prefix_of(harness.namespace, queue)) == []


async def test_transitions_are_heard_in_another_process(
    broker: Broker, consumer: Consumer, elsewhere: Broker
) -> None:
    """One who listens to a job, or to all, hears each step, whichever node it happens on."""
    job = new_job()
    async with elsewhere.events(job.id) as of_job, elsewhere.events() as of_all:
        await broker.enqueue_many([new_job(), job])
        for _ in range(2):
            await settle(consumer, [await claim_one(consumer)], Outcome.COMPLETED, result=b"1")
        heard = [await asyncio.wait_for(anext(of_job), 5) for _ in range(3)]
        heard_of_all = [await asyncio.wait_for(anext(of_all), 5) for _ in range(6)]
    assert [event.status for event in heard] == [State.QUEUED, State.ACTIVE, State.COMPLETED]
    assert {event.job_id for event in heard} == {job.id}
    assert len({event.job_id for event in heard_of_all}) == 2


async def test_who_listens_to_all_hears_of_a_queue_that_is_new(
    broker: Broker, elsewhere: Broker
) -> None:
    """A queue that comes up later is heard of within seconds."""
    async with elsewhere.events() as events:
        heard = asyncio.ensure_future(anext(events))

        async def submit() -> bool:
            await broker.enqueue(new_job())
            return heard.done()

        await eventually(submit, within=6)
    assert heard.result().job_id.startswith(f"{QUEUE}-")


async def test_anybody_may_listen_to_a_queue(broker: Broker, client: RedisClient) -> None:
    """Transitions are on the sharded channels that the documentation names."""
    job = new_job()
    names = [f"job_status:{{{QUEUE}}}", f"job_status:{{{QUEUE}}}-{job.id[-26:]}"]
    listener = client.pubsub(ignore_subscribe_messages=True)
    for name in names:
        listener.ssubscribe(name)
        listener.get_message(timeout=1)
    await broker.enqueue(job)
    heard = [await eventually(lambda: listener.get_message(timeout=0.1)) for _ in names]
    listener.close()
    assert [message["channel"] for message in heard] == names


async def test_a_running_job_is_cancelled_from_elsewhere(
    harness: Harness, elsewhere: Broker
) -> None:
    """A cancellation reaches the worker at once, whichever nodes the two talk to."""
    stage = Stage()
    harness.define("slow", stage.handle)
    async with harness.worker():
        job_id = await harness.submit("slow")
        await stage.started.wait()
        asked_at = time.monotonic()
        assert await elsewhere.cancel(job_id) is CancelResult.REQUESTED
        assert (await harness.ended(job_id)).state is State.CANCELLED
    assert time.monotonic() - asked_at < 3


async def test_a_wait_is_ended_on_the_node_where_it_blocks(
    consumer: Consumer, client: RedisClient
) -> None:
    """A worker that stops does not sit out its wait."""
    waiting = asyncio.create_task(consumer.wait(60))
    await eventually(lambda: client.info("clients")["blocked_clients"] == 1)
    await consumer.stop_waiting()
    await asyncio.wait_for(waiting, 2)


async def test_a_cluster_is_found_when_some_of_its_nodes_are_down(
    cluster: RedisCluster, namespace: str
) -> None:
    """Any node that answers leads to all others; a replica will do."""
    replica = next(node for node in cluster.nodes if node not in cluster.masters())
    url = f"redis+cluster://127.0.0.1:1,127.0.0.1:{replica.port}"
    connections = await Connections.open(url)
    broker = Broker(connections, namespace=namespace, retention=RetentionSettings())
    (job_id,) = await enqueue(broker)
    assert await broker.get(job_id)
    await broker.close()


async def test_a_master_that_steps_down_is_followed(
    cluster: RedisCluster, harness: Harness
) -> None:
    """After a switch in good order nothing runs twice, and a blocked worker moves over."""
    slot = slot_of(prefix_of(harness.namespace))
    async with running_pipeline(harness) as pipeline:
        await pipeline.submit(50)
        await eventually(pipeline.all_completed)
        before = cluster.master_of(slot)
        replica = cluster.replica_of(before)
        replica.client.execute_command("CLUSTER", "FAILOVER")
        await eventually(lambda: cluster.master_of(slot) is replica)
        await pipeline.submit(50)
        await eventually(pipeline.all_completed, within=10)
    assert sorted(pipeline.crowd.seen) == list(range(100))


async def test_many_queues_share_the_connections_of_a_listener(
    cluster: RedisCluster, broker: Broker
) -> None:
    """Who listens to all takes one connection of each node, however many queues there are."""
    jobs = [NewJob(new_job_id(f"q{number}"), "noop", b"{}") for number in range(12)]
    await broker.enqueue_many(jobs)
    async with broker.events() as events:
        connections = [
            client
            for node in cluster.nodes
            for client in node.client.client_list()
            if client["name"] == "jobqueue-events"
        ]
        assert len(connections) == 3
        await broker.cancel(jobs[-1].id)
        assert (await asyncio.wait_for(anext(events), 5)).job_id == jobs[-1].id


async def test_a_cluster_that_is_not_there_is_named() -> None:
    """The message has the URL without its password, and all who asked get it."""
    url = parse_redis_url("redis+cluster://:hunter2@127.0.0.1:1,127.0.0.1:2")
    connections = Connections(url)
    ends = await asyncio.gather(
        *(connections.commands.execute("PING") for _ in range(20)), return_exceptions=True
    )
    await connections.close()
    assert {type(end) for end in ends} == {RedisUnavailable}
    assert "redis+cluster://:***@127.0.0.1:1,127.0.0.1:2" in str(ends[0])
    assert "hunter2" not in str(ends[0])
