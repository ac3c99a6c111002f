"""Housekeeping of large payloads and results: they go with their job, and no sooner."""

import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
import redis
from typing_extensions import override

from jobqueue.app.contents import already
from jobqueue.app.references import MARK, referred_key
from jobqueue.broker.broker import Broker, Connections, Consumer
from jobqueue.errors import RedisUnavailable
from jobqueue.housekeeping import Housekeeper
from jobqueue.ids import new_job_id
from jobqueue.model import ClaimedJob, Failure, Outcome, Settled, Verdict
from jobqueue.settings import RetentionSettings
from jobqueue.storage.base import Storage, StoredObject
from jobqueue.storage.local import LocalStorage
from jobqueue.submission import NewJob
from tests.storage.steps import keys, put
from tests.support.redis import redis_server
from tests.support.wait import eventually

from .harness import QUEUE, Harness, open_broker
from .producing import LARGE, LIMITS

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
CONTENT = msgspec.json.encode(LARGE)
FOREIGN = ["payloads/logo.json", "payloads/a/not-an-id.json", "results/summary.json"]
"""Objects of somebody else in the same place."""


class Owner:
    """Stores large payloads and results of jobs, and runs these by hand."""

    def __init__(self, harness: Harness, consumer: Consumer) -> None:
        self.contents = harness.contents(LIMITS)
        self.consumer = consumer
        self._harness = harness

    async def upload(self) -> NewJob:
        """A job whose payload is stored, and which is not enqueued."""
        return await self.contents.keep_payload(NewJob(new_job_id(QUEUE), "large", CONTENT))

    async def submit(self, delay_ms: int = 0) -> str:
        """Enqueue a job with a large payload."""
        job = msgspec.structs.replace(await self.upload(), delay_ms=delay_ms)
        return (await self._harness.broker.enqueue(job)).id

    async def work(self) -> tuple[ClaimedJob, bytes]:
        """Run the next job up to its upload; gives it and the reference to its result."""
        (job,) = (await self.consumer.claim(1)).jobs
        return job, await self.contents.keep_result(job.id, job.token, CONTENT)

    async def settle(self, job: ClaimedJob, result: bytes) -> Settled:
        """Publish a result."""
        verdict = Verdict(job.id, job.token, Outcome.COMPLETED, result=result)
        (answer,) = await self.consumer.settle([verdict])
        return answer


async def owner_of(harness: Harness, storage: Storage) -> Owner:
    """An owner on the tests' queue."""
    harness.open_storage = already(storage)
    consumer = await harness.broker.consumer(QUEUE, worker_id="owner", lease=60)
    return Owner(harness, consumer)


async def forget_all(harness: Harness) -> None:
    """Let the retention of all jobs end."""
    connections = await Connections.open(harness.url)
    keep = RetentionSettings(completed_count=0, dead_count=0, cancelled_count=0)
    broker = Broker(connections, namespace=harness.namespace, retention=keep)
    await broker.reap(QUEUE, lease=60)
    await broker.close()


def housekeeper(harness: Harness, storage: Storage) -> Housekeeper:
    """One that keeps documents for ever."""
    return Housekeeper(harness.broker, storage, retention=None)


async def test_contents_go_with_their_job(harness: Harness, storage: Storage) -> None:
    """A payload and a result stay as long as their job is known, and go when it is forgotten."""
    owner = await owner_of(harness, storage)
    await owner.submit()
    assert await owner.settle(*await owner.work()) is Settled.OK
    for key in FOREIGN:
        await put(storage, key, b"{}")
    keeper = housekeeper(harness, storage)
    kept = await keeper.tidy(now=time.time() + 1000 * DAY)
    assert (kept.contents, kept.unneeded) == (2, 0)
    await forget_all(harness)
    gone = await keeper.tidy(now=time.time() + 61 * MINUTE)
    assert (gone.contents, gone.unneeded) == (2, 2)
    assert await keys(storage) == sorted(FOREIGN)


async def test_what_is_under_way_stays(harness: Harness, folder: Storage) -> None:
    """However long a job waits or runs, its payload and what its attempt uploads are safe."""
    owner = await owner_of(harness, folder)
    await owner.submit()
    job, result = await owner.work()
    await owner.submit()
    await owner.submit(delay_ms=10_000_000)
    tidied = await housekeeper(harness, folder).tidy(now=time.time() + 1000 * DAY)
    assert (tidied.contents, tidied.unneeded) == (4, 0)
    assert await owner.settle(job, result) is Settled.OK
    assert await owner.contents.fetch((await harness.job(job.id)).result or b"") == CONTENT


async def test_a_payload_that_was_never_enqueued_goes(harness: Harness, storage: Storage) -> None:
    """When an enqueue fails after the upload its object is removed, an hour later and no sooner."""
    owner = await owner_of(harness, storage)
    late = await owner.upload()
    keeper = housekeeper(harness, storage)
    assert (await keeper.tidy(now=time.time() + 59 * MINUTE)).unneeded == 0
    await harness.broker.enqueue(late)
    assert (await keeper.tidy(now=time.time() + 61 * MINUTE)).unneeded == 0
    await owner.upload()
    assert (await keeper.tidy(now=time.time() + 61 * MINUTE)).unneeded == 1
    job, _ = await owner.work()
    assert await owner.contents.fetch(job.payload) == CONTENT


async def test_a_stale_attempts_result_goes_and_the_winners_stays(
    harness: Harness, storage: Storage
) -> None:
    """A worker that was given up uploads in vain: the job keeps the result that Redis accepted."""
    owner = await owner_of(harness, storage)
    await owner.submit()
    frozen, in_vain = await owner.work()
    with redis.Redis.from_url(harness.url) as client:
        client.zadd(f"{harness.namespace}:{{{QUEUE}}}:leases", {frozen.id[-26:]: 1})

    async def is_taken_back() -> bool:
        return (await harness.broker.reap(QUEUE, lease=0.01)).recovered == 1

    await eventually(is_taken_back)
    winner, result = await owner.work()
    assert await owner.settle(winner, result) is Settled.OK
    assert await owner.settle(frozen, in_vain) is Settled.STALE
    assert winner.id == frozen.id
    tidied = await housekeeper(harness, storage).tidy(now=time.time() + 2 * HOUR)
    assert (tidied.contents, tidied.unneeded) == (3, 1)
    assert (await keys(storage, "results/")) == [referred_key(result)]
    assert await owner.contents.fetch((await harness.job(winner.id)).result or b"") == CONTENT


async def test_a_dead_job_keeps_its_payload_for_a_retry(harness: Harness, folder: Storage) -> None:
    """What attempts of a dead job uploaded goes; its payload is there when it is retried."""
    owner = await owner_of(harness, folder)
    await owner.submit()
    job, _ = await owner.work()
    await owner.consumer.settle(
        [Verdict(job.id, job.token, Outcome.DEAD, failure=Failure("Boom", "it broke"))]
    )
    tidied = await housekeeper(harness, folder).tidy(now=time.time() + DAY)
    assert (tidied.contents, tidied.unneeded) == (2, 1)
    await harness.broker.retry(job.id)
    again, _ = await owner.work()
    assert await owner.contents.fetch(again.payload) == CONTENT


async def test_a_result_of_another_version_costs_nothing(harness: Harness, folder: Storage) -> None:
    """A reference that this version cannot read keeps all that its job has stored."""
    owner = await owner_of(harness, folder)
    await owner.submit()
    job, _ = await owner.work()
    await owner.settle(job, MARK + b'{"place":"elsewhere"}')
    tidied = await housekeeper(harness, folder).tidy(now=time.time() + DAY)
    assert (tidied.contents, tidied.unneeded) == (2, 0)


async def test_another_redis_is_left_alone(harness: Harness, folder: Storage) -> None:
    """Two programs may share a storage: what only the other one's Redis knows is not touched."""
    owner = await owner_of(harness, folder)
    await owner.submit()
    other = await open_broker(harness.url, f"{harness.namespace}-other")
    tidied = await Housekeeper(other, folder, retention=None).tidy(now=time.time() + DAY)
    assert (tidied.contents, len(await keys(folder))) == (0, 1)
    await other.close()


class Disaster(LocalStorage):
    """A folder in front of which Redis is emptied as soon as somebody lists payloads."""

    empty_redis: Callable[[], None]

    @override
    @asynccontextmanager
    async def list(self, prefix: str) -> AsyncIterator[AsyncIterator[StoredObject]]:
        """List as ever."""
        if prefix.startswith("payloads/"):
            self.empty_redis()
        async with super().list(prefix) as objects:
            yield objects


async def test_a_redis_that_loses_its_data_in_a_round_costs_nothing(
    harness: Harness, tmp_path: Path
) -> None:
    """When Redis is emptied while a round goes on, what it no longer knows is not removed."""
    storage = Disaster(tmp_path / "storage")
    owner = await owner_of(harness, storage)
    await owner.submit()
    with redis.Redis.from_url(harness.url) as client:
        storage.empty_redis = lambda: client.delete(*client.keys(f"{harness.namespace}:*"))
        with pytest.raises(RedisUnavailable, match="lost its data"):
            await housekeeper(harness, storage).tidy(now=time.time() + DAY)
    assert len(await keys(storage, "payloads")) == 1
    await storage.close()


async def test_a_redis_that_came_back_empty_costs_nothing(
    namespace: str, folder: Storage, tmp_path: Path
) -> None:
    """What a Redis without its data does not know stays: its data may be restored."""
    with tempfile.TemporaryDirectory(prefix="jq-") as place:
        for submits in (True, False):
            with redis_server(Path(place)) as url:
                broker = await open_broker(url, namespace)
                harness = Harness(broker, url, namespace, tmp_path)
                if submits:
                    await (await owner_of(harness, folder)).submit()
                tidied = await housekeeper(harness, folder).tidy(now=time.time() + DAY)
                assert tidied.contents == submits
                await broker.close()
    assert len(await keys(folder)) == 1
