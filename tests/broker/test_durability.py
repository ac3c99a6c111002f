"""Submits that return once their jobs are safe from a crash, or say that they may not be."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest

from jobqueue.broker.broker import Broker, Connections
from jobqueue.broker.durability import Confirmation
from jobqueue.broker.keys import Keys
from jobqueue.errors import NotDurable
from jobqueue.ids import new_job_id
from jobqueue.settings import RetentionSettings
from jobqueue.state import State
from jobqueue.submission import Durability, JobOptions, NewJob
from tests.support.nodes import RedisNode, await_agreement, replication
from tests.support.redis import RedisClient, has_waitaof, redis_server, server_binary

from .helpers import counts, new_job, prefix_of

needs_waitaof = pytest.mark.skipif(
    not has_waitaof(server_binary()), reason="the server is older than Redis 7.2"
)


async def broker_at(url: str, namespace: str) -> Broker:
    """A broker on the server of this URL."""
    connections = await Connections.open(url)
    return Broker(connections, namespace=namespace, retention=RetentionSettings())


@asynccontextmanager
async def broker_on(namespace: str, *options: str) -> AsyncIterator[Broker]:
    """A broker on a server of its own with these options."""
    with (
        tempfile.TemporaryDirectory(prefix="jq-") as folder,
        redis_server(Path(folder), *options) as url,
    ):
        broker = await broker_at(url, namespace)
        yield broker
        await broker.close()


@needs_waitaof
async def test_a_job_that_is_on_the_disk(namespace: str) -> None:
    """With an append-only file the submit returns once the job is in it, alone or among many."""
    async with broker_on(namespace, "--appendonly", "yes", "--appendfsync", "everysec") as broker:
        job = new_job()
        assert (await broker.enqueue(job, durability=Durability.FSYNC)).id == job.id
        other = NewJob(new_job_id("other"), "noop", b"{}")
        accepted = await broker.enqueue_many([new_job(), other], durability=Durability.FSYNC)
        assert len(accepted) == 2
        many = (broker.enqueue(new_job(), durability=Durability.FSYNC) for _ in range(20))
        await asyncio.gather(*many)
        assert await counts(broker) == {State.QUEUED: 22}


async def test_a_job_that_cannot_be_on_the_disk(broker: Broker) -> None:
    """Without an append-only file it is accepted, and its producer learns that it is not safe."""
    with pytest.raises(NotDurable, match="accepted"):
        await broker.enqueue(new_job(), durability=Durability.FSYNC)
    assert await counts(broker) == {State.QUEUED: 1}


async def test_a_submit_that_is_sent_again_is_one_job(broker: Broker) -> None:
    """What the refusal asks for, the same idempotency key once more, makes no second job."""
    for _ in range(2):
        job = new_job(digest="d", options=JobOptions(key="k"))
        with pytest.raises(NotDurable):
            await broker.enqueue(job, durability=Durability.FSYNC)
    assert await counts(broker) == {State.QUEUED: 1}


async def test_a_job_without_a_replica(broker: Broker) -> None:
    """Nobody else has it: its producer learns so within the bound, and the job is accepted."""
    with pytest.raises(NotDurable, match="replicated"):
        await broker.enqueue(new_job(), durability=Durability.REPLICATED)
    assert await counts(broker) == {State.QUEUED: 1}


async def test_a_job_on_a_replica(namespace: str, tmp_path: Path) -> None:
    """With a replica the submit returns when that has the job: the master may burn."""
    with ExitStack() as stack:
        master = RedisNode(stack, tmp_path, "--save", "", "--repl-diskless-sync-delay", "0")
        source = ("127.0.0.1", str(master.port))
        replica = RedisNode(stack, tmp_path, "--save", "", "--replicaof", *source)
        await_agreement(lambda: replication(replica)["master_link_status"] == "up", "replication")
        broker = await broker_at(f"redis://127.0.0.1:{master.port}", namespace)
        job = new_job()
        await broker.enqueue(job, durability=Durability.REPLICATED)
        assert replica.client.exists(f"{prefix_of(namespace)}{job.id[-26:]}")
        await broker.close()


async def test_a_redis_that_fills_up_in_between(
    redis_url: str, namespace: str, broker: Broker, client: RedisClient
) -> None:
    """The jobs are in when the proof is refused: nobody is told that they were not accepted."""
    accepted = await broker.enqueue(new_job())
    connections = await Connections.open(redis_url)
    client.config_set("maxmemory", 1)
    try:
        with pytest.raises(NotDurable, match="accepted"):
            await Confirmation(connections, Keys(namespace)).wait([accepted], Durability.FSYNC)
    finally:
        client.config_set("maxmemory", 0)
        await connections.close()
