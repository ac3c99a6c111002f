"""Fixtures for pytest: `pytest_plugins = ["jobqueue.testing.plugin"]` in a `conftest.py`."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobqueue.testing.redis import private_redis


@pytest.fixture(scope="session")
def private_redis_url() -> Iterator[str]:
    """A Redis for all tests of the session; each should have a namespace of its own in it."""
    with private_redis() as url:
        yield url


@pytest.fixture
def jobqueue_redis(private_redis_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Lets every `JobQueue()` of the test use the private Redis, and a storage of its own.

    Gives the URL. Jobs of other tests are not seen.
    """
    monkeypatch.setenv("JOBQUEUE_REDIS__URL", private_redis_url)
    monkeypatch.setenv("JOBQUEUE_REDIS__NAMESPACE", f"test-{uuid.uuid4().hex[:12]}")
    monkeypatch.setenv("JOBQUEUE_DATA_DIR", str(tmp_path / "jobqueue"))
    return private_redis_url
