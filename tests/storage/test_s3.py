"""What only S3 can get wrong: credentials, buckets, links, lost connections."""

import asyncio
import re
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from jobqueue.errors import StorageUnavailable
from jobqueue.settings import StorageSettings
from jobqueue.storage.base import Storage
from jobqueue.storage.s3_upload import PART_SIZE
from tests.storage.conftest import s3_settings
from tests.storage.steps import keys, put, read, started
from tests.support.process import free_port
from tests.support.s3 import BUCKET, S3Server

OPERATIONS: dict[str, Callable[[Storage], Awaitable[object]]] = {
    "check": lambda storage: storage.check(),
    "put": lambda storage: put(storage, "a.pdf", b"x"),
    "put large": lambda storage: put(storage, "a.pdf", bytes(PART_SIZE + 1)),
    "open": lambda storage: read(storage, "a.pdf"),
    "head": lambda storage: storage.head("a.pdf"),
    "list": keys,
    "delete": lambda storage: storage.delete(["a.pdf"]),
}


async def fetch(url: str) -> tuple[int, str, bytes]:
    """Status, Content-Disposition and body of a plain GET."""

    def get() -> tuple[int, str, bytes]:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - a link of ours
                return answer.status, answer.headers["Content-Disposition"], answer.read()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, "", refused.read()

    return await asyncio.to_thread(get)


async def test_a_missing_bucket_is_told(server: S3Server, tmp_path: Path) -> None:
    """Whatever is tried first, the message names the bucket and how to make it."""
    async with started(s3_settings(server, "no-such-bucket"), tmp_path) as storage:
        for name, operation in OPERATIONS.items():
            with pytest.raises(StorageUnavailable) as caught:
                await operation(storage)
            assert "s3://no-such-bucket/" in str(caught.value), name
            assert server.url in str(caught.value), name
            assert "aws s3 mb s3://no-such-bucket" in str(caught.value), name


async def test_wrong_credentials_are_told(
    rclone: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong secret is refused whatever is tried, and the message speaks of the credentials."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrongwrongwrong")
    async with started(s3_settings(rclone), tmp_path) as storage:
        for name, operation in OPERATIONS.items():
            with pytest.raises(StorageUnavailable) as caught:
                await operation(storage)
            assert re.search("refuses the credentials|denies access", str(caught.value)), name
            assert "credentials" in str(caught.value), name
            assert rclone.url in str(caught.value), name


async def test_missing_credentials_are_told(
    rclone: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without credentials the message says which variables to set."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    async with started(s3_settings(rclone), tmp_path) as storage:
        with pytest.raises(StorageUnavailable, match=r"no credentials .* AWS_ACCESS_KEY_ID"):
            await storage.check()
        with pytest.raises(StorageUnavailable, match="no credentials"):
            await storage.link("a.pdf", filename="a.pdf", expires=60)


@pytest.mark.parametrize("operation", ["check", "put large", "open"])
async def test_a_dead_endpoint_is_told_soon(operation: str, tmp_path: Path) -> None:
    """Where nobody listens every operation fails within 10 seconds, naming the endpoint."""
    url = f"http://127.0.0.1:{free_port()}"
    async with started(s3_settings(url), tmp_path) as storage, asyncio.timeout(30):
        with pytest.raises(StorageUnavailable) as caught:
            await OPERATIONS[operation](storage)
    assert f"{url} does not answer" in str(caught.value)
    assert "storage.endpoint_url" in str(caught.value)


async def test_a_link_serves_the_document(server: S3Server, tmp_path: Path) -> None:
    """A link needs no credentials and saves the document under its name."""
    async with started(s3_settings(server), tmp_path) as storage:
        await put(storage, "a/b.pdf", b"%PDF-1.4")
        link = await storage.link("a/b.pdf", filename="Rechnung Müller.pdf", expires=60)
    assert link is not None
    assert link.startswith(f"{server.url}/{BUCKET}/")
    status, disposition, body = await fetch(link)
    assert (status, body) == (200, b"%PDF-1.4")
    assert disposition == (
        "attachment; filename=\"Rechnung Muller.pdf\"; filename*=UTF-8''Rechnung%20M%C3%BCller.pdf"
    )


async def test_a_tampered_link_is_refused(rclone: S3Server, tmp_path: Path) -> None:
    """A link cannot be turned into one for another document."""
    async with started(s3_settings(rclone), tmp_path) as storage:
        await put(storage, "mine.pdf", b"mine")
        await put(storage, "theirs.pdf", b"theirs")
        link = await storage.link("mine.pdf", filename="a.pdf", expires=60)
    assert link is not None
    status, _, body = await fetch(link.replace("mine.pdf", "theirs.pdf"))
    assert status == 403
    assert b"theirs" not in body.replace(b"theirs.pdf", b"")


async def test_an_expired_link_is_refused(rclone: S3Server, tmp_path: Path) -> None:
    """A link stops working when its time is over."""
    async with started(s3_settings(rclone), tmp_path) as storage:
        await put(storage, "a.pdf", b"mine")
        link = await storage.link("a.pdf", filename="a.pdf", expires=0.5)
    assert link is not None
    deadline = time.monotonic() + 15
    while (status := (await fetch(link))[0]) == 200:
        assert time.monotonic() < deadline, "the link never expires"
        await asyncio.sleep(0.1)
    assert status in {400, 403}


async def test_a_link_never_outlives_what_s3_allows(server: S3Server, tmp_path: Path) -> None:
    """Longer than a week becomes a week, which every server accepts."""
    async with started(s3_settings(server), tmp_path) as storage:
        await put(storage, "a.pdf", b"mine")
        link = await storage.link("a.pdf", filename="a.pdf", expires=1e9)
    assert link is not None
    assert (await fetch(link))[0] == 200


async def test_a_link_of_aws_needs_no_endpoint(tmp_path: Path) -> None:
    """Without an endpoint links go to AWS, to the bucket's own host in its region."""
    settings = StorageSettings(url="s3://my-bucket/pre", region="eu-central-1")
    async with started(settings, tmp_path) as storage:
        link = await storage.link("a.pdf", filename="a.pdf", expires=60)
    assert link is not None
    assert link.startswith("https://my-bucket.s3.eu-central-1.amazonaws.com/pre/a.pdf?")


async def test_two_prefixes_share_a_bucket(server: S3Server, tmp_path: Path) -> None:
    """Storages of one bucket do not see each other's documents."""
    async with (
        started(s3_settings(server), tmp_path) as one,
        started(s3_settings(server), tmp_path) as other,
    ):
        await put(one, "a.pdf", b"one")
        await put(other, "a.pdf", b"other")
        await one.delete(["a.pdf"])
        assert await keys(one) == []
        assert await read(other, "a.pdf") == b"other"


async def test_a_bucket_needs_no_prefix(server: S3Server, tmp_path: Path) -> None:
    """`s3://bucket` uses the whole bucket."""
    settings = StorageSettings(url=f"s3://{BUCKET}", endpoint_url=server.url)
    async with started(settings, tmp_path) as storage:
        await put(storage, "top/level.pdf", b"x")
        assert await keys(storage, "top/") == ["top/level.pdf"]


async def test_many_documents_are_listed_and_removed(rclone: S3Server, tmp_path: Path) -> None:
    """More documents than one request lists or deletes are all listed and deleted."""
    async with started(s3_settings(rclone), tmp_path) as storage:
        names = [f"{number:04}.txt" for number in range(1005)]
        slots = asyncio.Semaphore(20)

        async def store(name: str) -> None:
            async with slots:
                await put(storage, name, b"x", content_type="text/plain")

        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(store(name))
        assert await keys(storage) == names
        await storage.delete(names)
        assert await keys(storage) == []
