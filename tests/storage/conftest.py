"""The storages that every test of the contract runs on."""

import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from jobqueue.settings import StorageSettings
from jobqueue.storage.base import Storage
from jobqueue.storage.factory import make_storage
from tests.storage.steps import keys, started
from tests.support.s3 import (
    BUCKET,
    S3Server,
    moto_server,
    rclone_server,
    s3_credentials,
)


@pytest.fixture(scope="session", autouse=True)
def credentials() -> Iterator[None]:
    """The environment in which the AWS SDK looks for credentials, and nothing of the machine's."""
    with s3_credentials():
        yield


@pytest.fixture(scope="session")
def moto() -> Iterator[S3Server]:
    """A running moto."""
    with tempfile.TemporaryDirectory(prefix="jq-") as folder, moto_server(Path(folder)) as server:
        yield server


@pytest.fixture(scope="session")
def rclone() -> Iterator[S3Server]:
    """A running rclone."""
    with tempfile.TemporaryDirectory(prefix="jq-") as folder, rclone_server(Path(folder)) as server:
        yield server


def s3_settings(server: S3Server | str, bucket: str = BUCKET) -> StorageSettings:
    """Settings for a prefix of its own in the bucket of `server` (or of the server at a URL)."""
    url = server if isinstance(server, str) else server.url
    return StorageSettings(url=f"s3://{bucket}/{uuid.uuid4().hex}", endpoint_url=url)


@pytest.fixture(scope="session")
async def started_on_s3() -> AsyncIterator[Callable[[S3Server], Awaitable[Storage]]]:
    """One started storage of each server for many tests: opening a client takes a while."""
    opened: dict[str, Storage] = {}
    async with AsyncExitStack() as stack:

        async def on(server: S3Server) -> Storage:
            if server.name not in opened:
                storage = make_storage(s3_settings(server), Path())
                await storage.start()
                stack.push_async_callback(storage.close)
                opened[server.name] = storage
            return opened[server.name]

        yield on


@pytest.fixture(params=["folder", "moto", "rclone"])
async def storage(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    started_on_s3: Callable[[S3Server], Awaitable[Storage]],
) -> AsyncIterator[Storage]:
    """An empty, started storage of each kind."""
    if request.param == "folder":
        async with started(StorageSettings(), tmp_path) as folder:
            yield folder
    else:
        bucket = await started_on_s3(request.getfixturevalue(request.param))
        yield bucket
        await bucket.delete(await keys(bucket))


@pytest.fixture(params=["folder", "moto", "rclone"])
async def own_storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Storage]:
    """Like `storage`, with a prefix that no other test uses.

    Rclone goes on listing a key that had many writers at once when it has been removed.
    """
    settings = StorageSettings()
    if request.param != "folder":
        settings = s3_settings(request.getfixturevalue(request.param))
    async with started(settings, tmp_path) as made:
        yield made


@pytest.fixture(params=["moto", "rclone"])
def server(request: pytest.FixtureRequest) -> S3Server:
    """Each of the S3 servers."""
    found: S3Server = request.getfixturevalue(request.param)
    return found
