"""Large payloads as a producer sees them: the storage is opened when there is one."""

from pathlib import Path
from typing import Any

import pytest

from jobqueue import JobContext, JobQueue, Settings
from jobqueue.app.references import is_reference
from jobqueue.errors import ContentGone, SettingsError
from jobqueue.settings import RedisSettings, StorageSettings
from jobqueue.storage.local import LocalStorage
from tests.storage.steps import keys

LARGE = "x" * 70_000


def make_app(
    redis_url: str, namespace: str, folder: Path, storage: StorageSettings | None = None
) -> JobQueue:
    """A queue with one job type and the usual limits."""
    app = JobQueue(
        settings=Settings(
            data_dir=folder,
            redis=RedisSettings(url=redis_url, namespace=namespace),
            storage=storage or StorageSettings(),
        )
    )

    @app.job("echo")
    async def echo(_: JobContext, payload: Any) -> Any:
        return payload

    return app


async def test_small_payloads_need_no_storage(
    redis_url: str, namespace: str, tmp_path: Path
) -> None:
    """A storage that could not even be opened is in nobody's way until something is large."""
    broken = StorageSettings(url="s3://bucket", endpoint_url="nowhere")
    async with make_app(redis_url, namespace, tmp_path, broken) as app:
        handle = await app.enqueue("echo", "x" * (64 * 1024 - 2))
        assert len((await handle.get()).payload) == 64 * 1024
        with pytest.raises(SettingsError, match="endpoint_url"):
            await app.enqueue("echo", "x" * (64 * 1024 - 1))
    assert list(tmp_path.iterdir()) == []


async def test_a_large_payload_is_a_small_job(
    redis_url: str, namespace: str, tmp_path: Path
) -> None:
    """A large payload goes to the folder below `data_dir`, and comes back with the job."""
    async with make_app(redis_url, namespace, tmp_path) as app:
        handle = await app.enqueue("echo", LARGE)
        assert (await handle.get()).payload == b'"%s"' % LARGE.encode()
        cancelled = await handle.cancel()
    assert is_reference(cancelled.payload)
    assert len(cancelled.payload) < 200
    assert len(await keys(LocalStorage(tmp_path / "storage"))) == 1


async def test_a_removed_payload_is_named(redis_url: str, namespace: str, tmp_path: Path) -> None:
    """Reading a job whose payload somebody has removed says what is gone, and what may be wrong."""
    storage = LocalStorage(tmp_path / "storage")
    async with make_app(redis_url, namespace, tmp_path) as app:
        handle = await app.enqueue("echo", LARGE)
        await storage.delete(await keys(storage))
        with pytest.raises(ContentGone, match=r"storage\.url"):
            await handle.get()
