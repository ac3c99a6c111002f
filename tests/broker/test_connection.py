"""Redis that goes away, freezes, comes back, or does the work and loses the answer."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jobqueue.broker.address import parse_address
from jobqueue.broker.broker import Broker, Connections, Consumer
from jobqueue.broker.channel import Channel
from jobqueue.broker.wire import Wire
from jobqueue.errors import RedisUnavailable, SchemaMismatch, ServerUnreachable, SettingsError
from jobqueue.model import Outcome, Settled
from jobqueue.settings import RetentionSettings
from jobqueue.state import State
from tests.support.proxy import LossyProxy, lossy_proxy
from tests.support.redis import RedisClient, redis_server
from tests.support.wait import eventually

from .helpers import QUEUE, claim, claim_one, counts, enqueue, new_job, settle


@pytest.fixture
async def proxy(redis_url: str, socket_folder: Path) -> AsyncIterator[LossyProxy]:
    """A proxy in front of the tests' Redis."""
    async with lossy_proxy(
        Path(redis_url.removeprefix("unix://")), socket_folder / "proxy"
    ) as proxy:
        yield proxy


@pytest.fixture
async def lossy(proxy: LossyProxy, socket_folder: Path, broker: Broker) -> AsyncIterator[Broker]:  # noqa: ARG001 - it must listen
    """A broker behind the proxy, in the namespace of the plain `broker`."""
    connections = await Connections.open(f"unix://{socket_folder}/proxy")
    namespace = broker._keys.control.partition(":")[0]
    lossy = Broker(connections, namespace=namespace, retention=RetentionSettings())
    yield lossy
    await lossy.close()


async def test_a_submit_whose_answer_is_lost_is_accepted_once(
    lossy: Broker, proxy: LossyProxy
) -> None:
    """The call is sent again, and Redis recognises it."""
    await lossy.enqueue(new_job())
    proxy.lose_replies(2)
    await lossy.enqueue(new_job())
    assert proxy.lost == 2
    assert await counts(lossy) == {State.QUEUED: 2}


async def test_a_large_bulk_whose_answers_are_lost_is_accepted_once(
    lossy: Broker, proxy: LossyProxy
) -> None:
    """Staging, accepting and moving on may all be sent again."""
    await lossy.enqueue(new_job())
    for lost in range(1, 9):
        proxy.lose_replies(1 if lost % 2 else 2)
        await enqueue(lossy, 600)
    assert await counts(lossy) == {State.QUEUED: 8 * 600 + 1}


async def test_a_claim_whose_answer_is_lost_three_times_starts_each_job_once(
    lossy: Broker, proxy: LossyProxy
) -> None:
    """What Redis gave out and nobody heard is given to the same worker again."""
    consumer = await lossy.consumer(QUEUE, worker_id="w1", lease=15)
    ids = await enqueue(lossy, 3)
    proxy.lose_replies(3)
    assert [job.id for job in await claim(consumer, 2)] == ids[:2]
    assert proxy.lost == 3
    assert await counts(lossy) == {State.ACTIVE: 2, State.QUEUED: 1}


async def test_a_verdict_whose_answer_is_lost_counts_once(lossy: Broker, proxy: LossyProxy) -> None:
    """A settle is sent until it is answered."""
    consumer = await lossy.consumer(QUEUE, worker_id="w1", lease=15)
    await enqueue(lossy, 2)
    first, second = await claim(consumer, 2)
    await settle(consumer, [first], Outcome.COMPLETED, result=b"1")
    proxy.lose_replies(2)
    assert await settle(consumer, [second], Outcome.COMPLETED, result=b"1") == [Settled.DONE]
    assert await counts(lossy) == {State.COMPLETED: 2}


async def test_a_delivery_whose_answer_is_lost_is_in_the_inbox(
    lossy: Broker, proxy: LossyProxy, broker: Broker, client: RedisClient
) -> None:
    """The blocking call broke after Redis had moved the job: the next claim starts it."""
    consumer = await lossy.consumer(QUEUE, worker_id="w1", lease=15)
    waiting = asyncio.create_task(consumer.wait(2))
    await eventually(lambda: client.info("clients")["blocked_clients"] == 1)
    proxy.lose_replies(1)
    await enqueue(broker)
    with pytest.raises(RedisUnavailable):
        await waiting
    assert len(await claim(consumer)) == 1


async def test_a_broken_connection_is_made_again(lossy: Broker, proxy: LossyProxy) -> None:
    """After a break the next call connects by itself."""
    await lossy.ping()
    proxy.break_all()
    await asyncio.sleep(0)
    await lossy.enqueue(new_job())
    assert await counts(lossy) == {State.QUEUED: 1}


async def test_calls_in_flight_fail_together_and_clearly(lossy: Broker, proxy: LossyProxy) -> None:
    """Nobody waits for an answer that cannot come."""
    await lossy.ping()
    proxy.lose_replies(1)
    ends = await asyncio.gather(*(lossy.ping() for _ in range(20)), return_exceptions=True)
    assert {type(end) for end in ends} == {RedisUnavailable}


async def test_a_frozen_server_is_given_up(socket_folder: Path) -> None:
    """A server that accepts and never answers is noticed within the reply timeout."""
    with redis_server(socket_folder) as url:
        channel = Channel(parse_address(url), name="test", reply_timeout=0.3)
        await channel.execute("PING")
        pid = int((await channel.execute("INFO", "server")).split(b"process_id:")[1].split()[0])
        os.kill(pid, signal.SIGSTOP)
        start = time.monotonic()
        try:
            with pytest.raises(RedisUnavailable):
                await channel.execute("PING")
            assert time.monotonic() - start < 3 * 0.3 * 2
        finally:
            os.kill(pid, signal.SIGCONT)
        assert await channel.execute("PING") == b"PONG"
        await channel.close()


async def test_a_call_after_a_break_is_given_up_too(proxy: LossyProxy, socket_folder: Path) -> None:
    """A connection that follows a broken one is watched just as that was."""
    channel = Channel(
        parse_address(f"unix://{socket_folder}/proxy"), name="test", reply_timeout=0.5
    )
    first = asyncio.create_task(channel.execute("BLPOP", "none", "30"))
    await eventually(lambda: channel.client_id)
    proxy.break_all()
    with pytest.raises(RedisUnavailable):
        await first
    with pytest.raises(RedisUnavailable):
        await asyncio.wait_for(channel.execute("BLPOP", "none", "30"), 2)
    await channel.close()


async def test_a_call_on_a_connection_that_has_just_gone_fails(redis_url: str) -> None:
    """Who got a connection that broke before its turn came is told so, and waits for nothing."""
    place = parse_address(redis_url)
    wire = await place.connect(Wire, name="test")
    wire.abort()
    await wire.closed
    with pytest.raises(RedisUnavailable, match="was lost"):
        await asyncio.wait_for(wire.send(("PING",)), 1)


async def test_an_open_broker_survives_a_restart_of_redis(socket_folder: Path) -> None:
    """Redis comes back with its append-only file, and work goes on."""
    options = ("--appendonly", "yes", "--appendfsync", "always")
    with redis_server(socket_folder, *options) as url:
        connections = await Connections.open(url)
        broker = Broker(connections, namespace="n", retention=RetentionSettings())
        (job_id,) = await enqueue(broker)
        consumer = await broker.consumer(QUEUE, worker_id="w1", lease=15)
        job = await claim_one(consumer)
    with pytest.raises(RedisUnavailable, match="Redis"):
        await broker.ping()
    with redis_server(socket_folder, *options):
        assert await settle(consumer, [job], Outcome.COMPLETED, result=b"1") == [Settled.OK]
        read = await broker.get(job_id)
        assert read is not None
        assert read.state is State.COMPLETED
    await broker.close()


async def test_an_absent_server_is_named(socket_folder: Path) -> None:
    """The message says which URL could not be reached."""
    with pytest.raises(ServerUnreachable, match=f"{socket_folder}/none"):
        await Connections.open(f"unix://{socket_folder}/none")


async def test_a_password_is_never_shown() -> None:
    """The URL in the message has its password masked."""
    with pytest.raises(ServerUnreachable) as caught:
        await Connections.open("redis://user:secret@127.0.0.1:1/0")
    assert "redis://user:***@127.0.0.1:1/0" in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_a_wrong_url_is_a_setting_error() -> None:
    """Something that is no Redis URL is refused before anything is tried."""
    with pytest.raises(SettingsError, match="redis"):
        await Connections.open("http://example.com")


async def test_a_wrong_password_is_said(socket_folder: Path) -> None:
    """A refused login is named as such."""
    with redis_server(socket_folder, "--requirepass", "right") as url:
        with pytest.raises(ServerUnreachable, match="refused the login"):
            await Connections.open(f"unix://:wrong@{socket_folder}/redis.sock")
        connections = await Connections.open(f"unix://:right@{socket_folder}/redis.sock?db=3")
        assert b"db=3" in await connections.commands.execute("CLIENT", "LIST")
        await connections.close()
        assert url


async def test_another_layout_is_refused(
    broker: Broker, client: RedisClient, namespace: str, consumer: Consumer
) -> None:
    """A process of another version neither writes into a queue nor takes from it."""
    await consumer.claim(1)
    client.hset(f"{namespace}:{{{QUEUE}}}:meta", "version", "999")
    with pytest.raises(SchemaMismatch, match="run the same version"):
        await broker.enqueue(new_job())
    with pytest.raises(SchemaMismatch, match="run the same version"):
        await broker.consumer(QUEUE, worker_id="w2", lease=15)
