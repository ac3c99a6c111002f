"""A worker's surroundings on the tests' Redis, checked after each test for what must hold."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis

from jobqueue.settings import StorageSettings
from jobqueue.storage.base import Storage
from tests.broker.invariants import violations
from tests.storage.steps import started
from tests.support.s3 import BUCKET, moto_with_credentials

from .harness import QUEUE, Harness, open_broker


@pytest.fixture
async def harness(redis_url: str, namespace: str, tmp_path: Path) -> AsyncIterator[Harness]:
    """A harness in a namespace of the test's own; what it leaves must hold together."""
    broker = await open_broker(redis_url, namespace)
    yield Harness(broker, redis_url, namespace, tmp_path)
    await broker.close()
    with redis.Redis.from_url(redis_url, decode_responses=True, encoding="latin-1") as client:
        assert violations(client, f"{namespace}:{{{QUEUE}}}:") == []


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """An S3 server, with the credentials for it in the environment."""
    with moto_with_credentials() as url:
        yield url


@pytest.fixture(params=["folder", "s3"])
async def storage(
    request: pytest.FixtureRequest, tmp_path: Path, namespace: str
) -> AsyncIterator[Storage]:
    """An empty storage of each kind."""
    settings = StorageSettings()
    if request.param == "s3":
        endpoint = request.getfixturevalue("s3_url")
        settings = StorageSettings(url=f"s3://{BUCKET}/{namespace}", endpoint_url=endpoint)
    async with started(settings, tmp_path) as made:
        yield made


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[Storage]:
    """An empty folder."""
    async with started(StorageSettings(), tmp_path) as made:
        yield made
