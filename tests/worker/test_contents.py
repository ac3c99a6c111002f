"""Large payloads and results through a whole job: stored, referred to, and given back."""

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typing_extensions import override

from jobqueue import InvalidRequest, JobFailed
from jobqueue.app import contents
from jobqueue.app.contents import already
from jobqueue.app.references import is_reference, payload_key
from jobqueue.context import JobContext
from jobqueue.errors import StorageUnavailable
from jobqueue.model import Job
from jobqueue.retry import Backoff, Retry
from jobqueue.settings import StorageSettings
from jobqueue.state import State
from jobqueue.storage.base import Storage, Upload
from jobqueue.storage.local import LocalStorage
from tests.storage.faults import Link, faulty_link
from tests.storage.steps import keys, put, read, started
from tests.support.redis import redis_server
from tests.support.s3 import BUCKET
from tests.support.wait import eventually

from .harness import Harness, open_broker, until
from .producing import INLINE, LARGE, LIMITS, producer

PATIENT = Retry(max_attempts=100, backoff=Backoff(kind="fixed", delay=0.05, jitter=0.0))
UPLOAD = re.compile(rb"PUT /")


async def echo(_: JobContext, payload: Any) -> Any:
    """Give back what came."""
    return payload


async def enlarge(_: JobContext, __: Any) -> str:
    """Give back more than came."""
    return LARGE


@asynccontextmanager
async def unusable(storage_folder: Path) -> AsyncIterator[None]:
    """A folder that cannot be used while inside: a file is in its place."""
    storage_folder.write_bytes(b"")
    yield
    storage_folder.unlink()


@asynccontextmanager
async def bucket_behind_a_link(url: str, namespace: str) -> AsyncIterator[tuple[Storage, Link]]:
    """A bucket, and the connection to it."""
    async with faulty_link(url) as link:
        settings = StorageSettings(url=f"s3://{BUCKET}/{namespace}", endpoint_url=link.url)
        async with started(settings, Path()) as storage:
            yield storage, link


@pytest.mark.parametrize(
    ("size", "objects"),
    [(INLINE - 1, 0), (INLINE, 0), (INLINE + 1, 2), (300 * 1024, 2)],
    ids=["below", "at the limit", "above", "several chunks"],
)
async def test_any_size_comes_back(
    harness: Harness, storage: Storage, size: int, objects: int
) -> None:
    """A payload and a result are what was given; one byte over the limit moves them out."""
    harness.open_storage = already(storage)
    harness.define("echo", echo)
    value = "é" + "x" * (size - 4)  # two bytes and two quotes
    async with harness.worker(limits=LIMITS):
        handle = await producer(harness).enqueue("echo", value)
        assert await handle.result(timeout=15) == value
    job = await handle.get()
    assert job.payload == job.result == msgspec.json.encode(value)
    assert len(job.payload) == size
    kept = await harness.job(handle.id)
    assert is_reference(kept.payload) == is_reference(kept.result or b"") == bool(objects)
    assert len(kept.payload) < INLINE + 1
    assert len(await keys(storage)) == objects


async def test_what_is_stored_is_plain_json(harness: Harness, storage: Storage) -> None:
    """An object is the JSON itself, and served as that, under a key that tells its job."""
    harness.open_storage = already(storage)
    harness.define("echo", echo)
    handle = await producer(harness).enqueue("echo", LARGE)
    (key,) = await keys(storage)
    assert key == payload_key(await harness.broker.deployment(), handle.id)
    assert await read(storage, key) == msgspec.json.encode(LARGE)
    found = await storage.head(key)
    assert found is not None
    assert found.content_type == "application/json"


async def test_nothing_sent_is_taken_for_a_reference(harness: Harness) -> None:
    """Neither a payload nor a result can point at another job's object."""
    harness.define("echo", echo)
    app = producer(harness)
    victim = await app.enqueue("echo", LARGE)
    forged = (await harness.job(victim.id)).payload
    assert is_reference(forged)

    async def forge(_: JobContext, __: Any) -> msgspec.Raw:
        return msgspec.Raw(forged)

    harness.define("forge", forge, queue="other")
    async with harness.worker(queues={"other": 1}, limits=LIMITS):
        with pytest.raises(JobFailed, match="result_not_json"):
            await (await app.enqueue("forge")).result(timeout=15)
    with pytest.raises((InvalidRequest, msgspec.DecodeError)):
        await app.enqueue("echo", msgspec.Raw(forged))
    text = forged.decode()
    assert msgspec.json.decode((await (await app.enqueue("echo", text)).get()).payload) == text


async def test_a_missing_payload_ends_the_job_at_once(harness: Harness, folder: Storage) -> None:
    """A payload that this worker cannot see is no reason to try again; a retry later helps."""
    harness.open_storage = already(folder)
    harness.define("echo", echo)
    app = producer(harness)
    handle = await app.enqueue("echo", LARGE)
    (key,) = await keys(folder)
    await folder.delete([key])
    async with harness.worker(limits=LIMITS):
        job = await harness.ended(handle.id)
        assert (job.state, job.reason, job.attempt) == (State.DEAD, "payload_missing", 1)
        assert job.failure is not None
        assert key in job.failure.message
        assert "storage.url" in job.failure.message
        await put(folder, key, msgspec.json.encode(LARGE))
        await harness.broker.retry(handle.id)
        assert await handle.result(timeout=15) == LARGE


async def test_a_damaged_payload_is_not_run(harness: Harness, folder: Storage) -> None:
    """A payload that has lost a part is missing, not another payload."""
    harness.open_storage = already(folder)
    harness.define("echo", echo)
    handle = await producer(harness).enqueue("echo", 10 ** (2 * INLINE))
    (key,) = await keys(folder)
    await put(folder, key, b"1" + b"0" * INLINE)
    async with harness.worker(limits=LIMITS):
        assert (await harness.ended(handle.id)).reason == "payload_missing"


async def test_a_storage_outage_at_the_end_costs_attempts(
    harness: Harness, folder: Storage, tmp_path: Path
) -> None:
    """A large result that cannot be stored is a failed attempt; a later one completes the job."""
    harness.open_storage = already(folder)
    harness.define("enlarge", enlarge, retry=PATIENT)
    async with unusable(tmp_path / "storage"), harness.worker(limits=LIMITS):
        job_id = await harness.submit("enlarge")

        async def has_failed() -> Job | None:
            job = await harness.job(job_id)
            return job if job.failure else None

        failed = await until(has_failed)
    async with harness.worker(limits=LIMITS):
        job = await harness.ended(job_id)
    assert failed.failure is not None
    assert failed.failure.code == "storage_unavailable"
    assert job.state is State.COMPLETED
    assert job.attempt >= 2
    assert len(await keys(folder)) == 1


@pytest.mark.parametrize("at", ["payload", "result"])
async def test_a_storage_that_stays_away_ends_the_job(
    harness: Harness, folder: Storage, tmp_path: Path, at: str
) -> None:
    """When all attempts have met a storage that does not answer, the job says so."""
    harness.open_storage = already(folder)
    harness.define("enlarge", enlarge)
    handle = await producer(harness).enqueue("enlarge", LARGE if at == "payload" else None)
    if at == "payload":
        (tmp_path / "storage").rename(tmp_path / "aside")
        loop = tmp_path / "storage"
        loop.symlink_to(loop.name)  # no file system can follow it
    else:
        (tmp_path / "storage").write_bytes(b"")
    async with harness.worker(limits=LIMITS):
        job = await harness.ended(handle.id)
    assert (job.state, job.reason, job.attempt) == (State.DEAD, "attempts_exhausted", 2)
    assert job.failure is not None
    assert job.failure.code == "storage_unavailable"


async def test_a_cancel_stops_an_upload(harness: Harness, s3_url: str) -> None:
    """A job that is cancelled while its result is uploaded ends cancelled and leaves nothing."""
    async with bucket_behind_a_link(s3_url, harness.namespace) as (storage, link):
        harness.open_storage = already(storage)
        harness.define("enlarge", enlarge)
        link.victims, link.hold = UPLOAD, True
        async with harness.worker(limits=LIMITS):
            job_id = await harness.submit("enlarge")
            await eventually(lambda: link.lost == 1)
            assert (await harness.job(job_id)).state is State.ACTIVE
            await harness.broker.cancel(job_id)
            assert (await harness.ended(job_id, within=15)).state is State.CANCELLED
        assert await keys(storage) == []


async def test_an_upload_belongs_to_the_attempts_time(harness: Harness, s3_url: str) -> None:
    """A result whose upload hangs is a timed-out attempt, and the next one completes the job."""
    async with bucket_behind_a_link(s3_url, harness.namespace) as (storage, link):
        harness.open_storage = already(storage)
        harness.define("enlarge", enlarge, timeout=1.0)
        link.victims, link.hold = UPLOAD, True
        async with harness.worker(limits=LIMITS):
            job = await harness.ended(await harness.submit("enlarge"), within=20)
        assert link.lost == 1
        assert (job.state, job.attempt) == (State.COMPLETED, 2)
        assert job.failure is not None
        assert job.failure.code == "timeout"
        assert len(await keys(storage)) == 1


async def test_a_submit_does_not_wait_for_a_hanging_storage(
    harness: Harness, s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A storage that does not answer is a 503 within the time that clients wait."""
    monkeypatch.setattr(contents, "SUBMIT_PATIENCE", 0.5)
    async with bucket_behind_a_link(s3_url, harness.namespace) as (storage, link):
        harness.open_storage = already(storage)
        harness.define("echo", echo)
        link.victims, link.hold = UPLOAD, True
        with pytest.raises(StorageUnavailable, match="nothing was enqueued"):
            await producer(harness).enqueue("echo", LARGE)
        assert await keys(storage) == []
    assert await harness.broker.queues() == []


async def test_a_refused_storage_refuses_all(
    harness: Harness, folder: Storage, tmp_path: Path
) -> None:
    """When one payload of a bulk cannot be stored, no job of it is enqueued, small ones neither."""
    harness.open_storage = already(folder)
    harness.define("echo", echo)
    app = producer(harness)
    jobs = [{"type": "echo", "payload": value} for value in ("small", LARGE, LARGE)]
    async with unusable(tmp_path / "storage"):
        with pytest.raises(StorageUnavailable):
            await app.enqueue("echo", LARGE)
        with pytest.raises(StorageUnavailable):
            await app.enqueue_many(jobs)
        await app.enqueue("echo", "small")
    (stats,) = await harness.broker.stats()
    assert stats.counts[State.QUEUED] == 1


class Counting(LocalStorage):
    """A folder that counts how many uploads go on at once."""

    now = most = 0

    @override
    async def put(self, *args: Any, **options: Any) -> Upload:
        """Store as ever."""
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            return await super().put(*args, **options)
        finally:
            self.now -= 1


async def test_a_bulk_uploads_some_at_once(harness: Harness, tmp_path: Path) -> None:
    """The payloads of a bulk are uploaded beside each other, but never more than 16."""
    storage = Counting(tmp_path / "counted")
    harness.open_storage = already(storage)
    harness.define("echo", echo)
    values = [f"{number}{LARGE}" if number % 2 else number for number in range(100)]
    async with harness.worker(slots=20, limits=LIMITS):
        handles = await producer(harness).enqueue_many(
            {"type": "echo", "payload": value} for value in values
        )
        assert storage.most == 16
        assert await asyncio.gather(*(handle.result(15) for handle in handles)) == values
    assert len(await keys(storage, "payloads/")) == 50
    await storage.close()


async def test_an_outage_of_redis_costs_a_running_job_nothing(
    namespace: str, folder: Storage, tmp_path: Path
) -> None:
    """A job that ends while Redis is away stores its large result all the same."""
    started, release = asyncio.Event(), asyncio.Event()

    async def enlarge_when_told(_: JobContext, __: Any) -> str:
        started.set()
        await release.wait()
        return LARGE

    async def is_uploaded() -> bool:
        return len(await keys(folder, "results/")) == 1

    async with AsyncExitStack() as stack:
        with tempfile.TemporaryDirectory(prefix="jq-") as place, redis_server(Path(place)) as url:
            harness = Harness(await open_broker(url, namespace), url, namespace, tmp_path)
            stack.push_async_callback(harness.broker.close)
            harness.open_storage = already(folder)
            harness.define("enlarge", enlarge_when_told)
            await stack.enter_async_context(harness.worker(limits=LIMITS))
            await harness.submit("enlarge")
            await started.wait()
        release.set()
        await eventually(is_uploaded)
