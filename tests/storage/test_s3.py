"""What only S3 can get wrong: credentials, buckets, links, lost connections."""

import asyncio
import hashlib
import re
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from jobqueue.errors import StorageUnavailable
from jobqueue.settings import StorageSettings
from jobqueue.storage.base import Storage
from jobqueue.storage.s3 import S3Storage
from jobqueue.storage.s3_upload import PART_SIZE
from tests.storage.conftest import s3_settings
from tests.storage.faults import faulty_link
from tests.storage.steps import PDF, keys, large, put, read, started
from tests.support.s3 import BUCKET, S3Server, free_port

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


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less patience with a silent server, so that the tests are quick."""
    monkeypatch.setattr("jobqueue.storage.s3.CHECK_TIMEOUT", 0.5)
    monkeypatch.setattr("jobqueue.storage.s3_upload.FATE_TIMEOUT", 0.5)


async def stored(storage: Storage, key: str) -> None:
    """Wait until an object is there."""
    async with asyncio.timeout(30):
        while await storage.head(key) is None:  # noqa: ASYNC110 - another process stores it
            await asyncio.sleep(0.02)


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


async def test_a_broken_download_goes_on(server: S3Server, tmp_path: Path) -> None:
    """A connection that breaks in mid-download is taken up again where it was."""
    size = 3_000_000
    async with faulty_link(server.url) as link:
        settings = s3_settings(link.url)
        async with started(settings, tmp_path) as storage:
            chunks, sha256 = large(size)
            await storage.put("a.bin", chunks, content_type="x/y", filename=None)
            link.victims, link.answered, link.times = re.compile(b"GET "), 1_000_000, 2
            assert hashlib.sha256(await read(storage, "a.bin")).hexdigest() == sha256
            assert link.lost == 2
            link.lost = 0
            part = await read(storage, "a.bin", 100, 2_900_000)
        assert link.lost == 2
        async with started(settings.model_copy(update={"endpoint_url": server.url}), tmp_path) as s:
            assert part == (await read(s, "a.bin"))[100:2_900_000]


async def test_a_download_that_keeps_breaking_fails(server: S3Server, tmp_path: Path) -> None:
    """A download that cannot be had ends with an error, never with half a document."""
    async with faulty_link(server.url) as link, started(s3_settings(link.url), tmp_path) as storage:
        await put(storage, "a.bin", bytes(1_000_000))
        link.victims, link.answered, link.times = re.compile(b"GET "), 50_000, 1000
        with pytest.raises(StorageUnavailable, match="does not answer"):
            await read(storage, "a.bin")


async def test_a_document_changed_in_mid_download_is_not_mixed(
    server: S3Server, tmp_path: Path
) -> None:
    """When the document is replaced while a broken download waits, the parts are not mixed."""
    async with faulty_link(server.url) as link, started(s3_settings(link.url), tmp_path) as storage:
        await put(storage, "a.bin", b"1" * 20_000_000)
        link.victims, link.answered = re.compile(b"GET "), 1_000_000
        async with storage.open("a.bin") as download:
            chunks = download.chunks()
            await anext(chunks)
            await put(storage, "a.bin", b"2" * 20_000_000)
            seen: set[int] = set()
            with pytest.raises(StorageUnavailable, match="replaced while it was read"):
                seen.update([byte async for chunk in chunks for byte in set(chunk)])
            assert seen <= {ord("1")}


@pytest.mark.parametrize(("size", "request_line"), [(10, b"PUT "), (PART_SIZE, b"POST .*uploadId")])
async def test_a_lost_answer_is_no_lost_document(
    server: S3Server, size: int, request_line: bytes, tmp_path: Path
) -> None:
    """When only the answer to the last request is lost, the upload succeeds."""
    async with faulty_link(server.url) as link, started(s3_settings(link.url), tmp_path) as storage:
        link.victims = re.compile(request_line)
        await put(storage, "a.pdf", bytes(size))
        assert link.lost == 1
        assert await read(storage, "a.pdf") == bytes(size)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("size", "request_line"), [(10, b"PUT "), (PART_SIZE, b"POST .*uploadId")])
async def test_a_cancel_after_the_last_request_leaves_nothing(
    server: S3Server, size: int, request_line: bytes, tmp_path: Path
) -> None:
    """A document that was stored while its upload was being cancelled is removed again."""
    settings = s3_settings(server)
    async with (
        faulty_link(server.url) as link,
        started(settings, tmp_path) as direct,
        started(settings.model_copy(update={"endpoint_url": link.url}), tmp_path) as storage,
    ):
        link.victims, link.hold = re.compile(request_line), True
        work = asyncio.create_task(put(storage, "a.pdf", bytes(size)))
        await stored(direct, "a.pdf")
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert await keys(direct) == []


@pytest.mark.usefixtures("impatient")
async def test_a_cancelled_replacement_does_not_remove_a_newer_document(
    server: S3Server, tmp_path: Path
) -> None:
    """Undoing an upload never removes what somebody else has stored since."""
    settings = s3_settings(server)
    async with (
        faulty_link(server.url) as link,
        started(settings, tmp_path) as direct,
        started(settings.model_copy(update={"endpoint_url": link.url}), tmp_path) as storage,
    ):
        link.victims, link.hold = re.compile(b"PUT "), True
        work = asyncio.create_task(put(storage, "a.pdf", b"cancelled"))
        await stored(direct, "a.pdf")
        await put(direct, "a.pdf", b"newer")
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert await read(direct, "a.pdf") == b"newer"


async def test_a_cancelled_large_upload_leaves_no_parts(moto: S3Server, tmp_path: Path) -> None:
    """Parts of an upload that was given up are not kept, where they would cost money unseen."""
    async with started(s3_settings(moto), tmp_path) as storage:
        assert isinstance(storage, S3Storage)
        given = asyncio.Event()

        async def endless() -> AsyncIterator[bytes]:
            yield bytes(3 * PART_SIZE)
            given.set()
            await asyncio.Event().wait()

        work = asyncio.create_task(storage.put("a.bin", endless(), content_type=PDF, filename=None))
        await given.wait()
        uploads = await storage._client.list_multipart_uploads(Bucket=BUCKET)
        assert len(uploads["Uploads"]) == 1
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        uploads = await storage._client.list_multipart_uploads(Bucket=BUCKET)
        assert uploads.get("Uploads", []) == []


@pytest.mark.parametrize("size", [1000, PART_SIZE + 1000])
async def test_a_document_damaged_on_the_way_is_refused(
    rclone: S3Server, size: int, tmp_path: Path
) -> None:
    """Bytes that change between us and the server are noticed, and nothing is stored."""
    async with faulty_link(rclone.url) as link, started(s3_settings(link.url), tmp_path) as storage:
        link.spoil = (b"INTACT", b"DAMAGE")
        with pytest.raises(StorageUnavailable):
            await put(storage, "a.pdf", b"INTACT" + bytes(size))
        assert await keys(storage) == []


@pytest.mark.usefixtures("impatient")
async def test_a_silent_server_fails_the_check_soon(
    rclone: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that takes connections and never answers does not hold the check up."""
    monkeypatch.setattr("jobqueue.storage.s3_upload.CLEAN_UP_TIMEOUT", 0.5)
    async with faulty_link(rclone.url) as link, started(s3_settings(link.url), tmp_path) as storage:
        link.victims, link.hold, link.times = re.compile(b"PUT |HEAD "), True, 1000
        async with asyncio.timeout(20):
            with pytest.raises(StorageUnavailable, match=r"did not answer within 0\.5 s"):
                await storage.check()
