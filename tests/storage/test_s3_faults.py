"""What happens on S3 when connections break, answers are lost and uploads are given up."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jobqueue.errors import StorageUnavailable
from jobqueue.storage.base import Storage
from jobqueue.storage.s3 import S3Storage
from jobqueue.storage.s3_upload import PART_SIZE
from tests.storage.conftest import s3_settings
from tests.storage.faults import faulty_link
from tests.storage.steps import PDF, keys, large, put, read, started
from tests.support.s3 import BUCKET, S3Server


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
