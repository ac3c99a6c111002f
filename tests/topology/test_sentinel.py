"""A master that sentinels name, and that changes while its queues are worked on."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from jobqueue.broker.broker import Broker, Connections, Lease
from jobqueue.errors import RedisUnavailable, ServerUnreachable
from jobqueue.model import Outcome, Settled
from jobqueue.settings import RetentionSettings
from jobqueue.state import State
from tests.broker.helpers import claim_one, enqueue, prefix_of, settle
from tests.broker.invariants import violations
from tests.support.nodes import RedisNode, await_agreement, replication
from tests.support.sentinel import OPTIONS, SERVICE, Sentinel, SentinelSetup, sentinel_setup
from tests.support.wait import eventually
from tests.worker.harness import QUEUE, Harness, open_broker

from .pipeline import running_pipeline


@pytest.fixture
def setup(socket_folder: Path) -> Iterator[SentinelSetup]:
    """A set-up that its test alone breaks: a second failover may have to wait for 10 s."""
    with sentinel_setup(socket_folder) as setup:
        yield setup


@pytest.fixture
async def harness(setup: SentinelSetup, namespace: str, tmp_path: Path) -> AsyncIterator[Harness]:
    """A worker's surroundings; the queue that it leaves must hold together."""
    broker = await open_broker(setup.url, namespace)
    yield Harness(broker, setup.url, namespace, tmp_path)
    await broker.close()
    assert violations(setup.master.client, prefix_of(namespace)) == []


async def test_everything_follows_the_master(setup: SentinelSetup, harness: Harness) -> None:
    """Commands, a blocked wait, renewals and subscriptions all find the new master."""
    broker = harness.broker
    consumer = await broker.consumer(QUEUE, worker_id="w1", lease=15)
    renewer = broker.lease_renewer(lease=15)
    await enqueue(broker)
    job = await claim_one(consumer)
    lease = Lease(job.id, job.token)
    assert (await asyncio.to_thread(renewer.renew, [lease])).lost == []
    waiting = asyncio.create_task(consumer.wait(60))
    await eventually(lambda: setup.master.client.info("clients")["blocked_clients"] == 1)
    async with broker.events() as events:
        setup.await_replicas()
        await asyncio.to_thread(setup.fail_over)
        # at once: the old master does not know yet that it is none, and would take more
        async with asyncio.timeout(5):
            with pytest.raises(RedisUnavailable):
                await anext(events)
            with pytest.raises(RedisUnavailable):
                await waiting
    assert (await asyncio.to_thread(renewer.renew, [lease])).lost == []
    assert await settle(consumer, [job], Outcome.COMPLETED, result=b"1") == [Settled.OK]
    async with broker.events() as events:
        (job_id,) = await enqueue(broker)
        assert (await asyncio.wait_for(anext(events), 5)).job_id == job_id
    await consumer.wait(2)
    assert (await claim_one(consumer)).id == job_id
    await asyncio.to_thread(renewer.close)
    texts_sent = setup.master.client.info("commandstats")["cmdstat_eval"]["calls"]
    assert texts_sent > 0  # a replica that becomes the master has seen none of the scripts


async def test_all_jobs_end_once_though_their_master_is_killed(
    setup: SentinelSetup, harness: Harness
) -> None:
    """What had reached the replicas is worked off at the new master, with a sentinel less."""
    setup.sentinels[0].kill()
    async with running_pipeline(harness) as pipeline:
        await pipeline.submit()
        await eventually(lambda: len(pipeline.crowd.seen) > 50)
        setup.await_replicas()
        setup.master.kill()
        await eventually(pipeline.all_completed, within=30)
        assert pipeline.ran() == set(range(len(pipeline.ids)))
        job_id = await harness.submit("crowd", -1)
        assert (await harness.ended(job_id)).state is State.COMPLETED


async def test_a_sentinel_that_names_a_replica_is_not_believed(socket_folder: Path) -> None:
    """The server's own word about its role counts; another sentinel is asked."""
    with ExitStack() as stack:
        master = RedisNode(stack, socket_folder, *OPTIONS)
        place = ("127.0.0.1", str(master.port))
        replica = RedisNode(stack, socket_folder, *OPTIONS, "--replicaof", *place)
        await_agreement(lambda: replication(replica)["master_link_status"] == "up", "a replica")
        mistaken = Sentinel(stack, socket_folder, replica.port)
        right = Sentinel(stack, socket_folder, master.port)
        url = f"redis+sentinel://127.0.0.1:{mistaken.port},127.0.0.1:{right.port}/{SERVICE}"
        assert mistaken.master() == replica.port
        connections = await Connections.open(url)
        broker = Broker(connections, namespace="n", retention=RetentionSettings())
        (job_id,) = await enqueue(broker)
        await broker.close()
        assert master.client.exists(f"n:{{{QUEUE}}}:{job_id[-26:]}")


async def test_a_login_is_the_masters_and_sentinels_have_their_own(socket_folder: Path) -> None:
    """Either password is sent only where it belongs, and to the right database."""
    with ExitStack() as stack:
        master = RedisNode(stack, socket_folder, *OPTIONS)
        sentinel = Sentinel(stack, socket_folder, master.port)
        master.client.config_set("requirepass", "master-secret")
        sentinel.client.execute_command("SENTINEL", "SET", SERVICE, "AUTH-PASS", "master-secret")
        sentinel.client.execute_command(
            "ACL", "SETUSER", "default", "on", ">sentinel-secret", "~*", "&*", "+@all"
        )
        place = f"127.0.0.1:{sentinel.port}/{SERVICE}/3?sentinel_password=sentinel-secret"
        connections = await Connections.open(f"redis+sentinel://:master-secret@{place}")
        assert b"db=3" in await connections.commands.execute("CLIENT", "LIST")
        await connections.close()
        with pytest.raises(ServerUnreachable, match="refused the login") as caught:
            await Connections.open(f"redis+sentinel://:wrong-secret@{place}")
        assert "-secret" not in str(caught.value)


async def test_who_does_not_lead_to_a_master_is_named(socket_folder: Path) -> None:
    """The message says what each sentinel has answered, and shows no password."""
    with ExitStack() as stack:
        master = RedisNode(stack, socket_folder, *OPTIONS)
        sentinel = Sentinel(stack, socket_folder, master.port)
        hosts = f"127.0.0.1:1,127.0.0.1:{sentinel.port}"
        with pytest.raises(ServerUnreachable) as caught:
            await Connections.open(f"redis+sentinel://:hunter2@{hosts}/other/0")
    said = str(caught.value)
    assert f"redis+sentinel://:***@{hosts}/other/0" in said
    assert "127.0.0.1:1" in said
    assert f"sentinel 127.0.0.1:{sentinel.port} knows no master 'other'" in said
    assert "hunter2" not in said
