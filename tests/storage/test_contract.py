"""What every storage does: a folder, and two independent S3 servers."""

import asyncio
import hashlib
import tracemalloc
from collections.abc import AsyncIterator

import pytest

from jobqueue.storage.base import Storage
from jobqueue.storage.s3_upload import PART_SIZE
from tests.storage.steps import PDF, keys, large, put, read, stream

MIB = 1024 * 1024


async def test_a_document_comes_back_as_it_was_given(storage: Storage) -> None:
    """What is stored is read back byte for byte, and described truly."""
    content = bytes(range(256)) * 1000
    upload = await put(storage, "reports/j-1/a.pdf", content[:100], b"", content[100:])
    assert (upload.key, upload.size) == ("reports/j-1/a.pdf", len(content))
    assert upload.sha256 == hashlib.sha256(content).hexdigest()
    assert await read(storage, "reports/j-1/a.pdf") == content
    async with storage.open("reports/j-1/a.pdf") as download:
        described = download.info
    assert (described.key, described.size) == ("reports/j-1/a.pdf", len(content))
    assert described.content_type == PDF
    found = await storage.head("reports/j-1/a.pdf")
    assert found is not None
    assert (found.size, found.content_type) == (len(content), PDF)
    assert found.modified_at == pytest.approx(described.modified_at, abs=1)


async def test_an_empty_document_is_a_document(storage: Storage) -> None:
    """A document without bytes is stored like any other."""
    upload = await put(storage, "empty.txt")
    assert (upload.size, upload.sha256) == (0, hashlib.sha256().hexdigest())
    assert await read(storage, "empty.txt") == b""
    assert await keys(storage) == ["empty.txt"]


@pytest.mark.parametrize(
    ("start", "end"), [(0, 4), (3, None), (3, 7), (8, 100), (10, None), (10, 20), (50, 60), (4, 4)]
)
async def test_a_range_gives_just_its_bytes(storage: Storage, start: int, end: int | None) -> None:
    """A range gives the bytes that the document has of it, and the size of the whole."""
    await put(storage, "digits.txt", b"0123456789")
    assert await read(storage, "digits.txt", start, end) == b"0123456789"[start:end]
    async with storage.open("digits.txt", start=start, end=end) as download:
        assert download.info.size == 10


@pytest.mark.parametrize(("start", "end"), [(-1, None), (4, 2)])
async def test_what_is_no_range_is_refused(storage: Storage, start: int, end: int) -> None:
    """A range that goes backwards is the caller's mistake, told at once."""
    await put(storage, "digits.txt", b"0123456789")
    with pytest.raises(ValueError, match="no range"):
        await read(storage, "digits.txt", start, end)


@pytest.mark.parametrize("end", [None, 0, 5])
async def test_a_missing_document_is_not_found(storage: Storage, end: int | None) -> None:
    """Reading a document that is not there says so; asking for it gives nothing."""
    with pytest.raises(FileNotFoundError, match=r"reports/none\.pdf"):
        await read(storage, "reports/none.pdf", 0, end)
    assert await storage.head("reports/none.pdf") is None


async def test_a_folder_of_documents_is_no_document(storage: Storage) -> None:
    """The name that several keys begin with is not a document itself."""
    await put(storage, "reports/a.pdf", b"a")
    assert await storage.head("reports") is None
    with pytest.raises(FileNotFoundError):
        await read(storage, "reports")


async def test_a_document_is_replaced_whole(storage: Storage) -> None:
    """A second upload of a key takes the place of the first."""
    await put(storage, "a.json", b"a longer first version", content_type="application/json")
    await put(storage, "a.json", b"second", content_type="application/json")
    assert await read(storage, "a.json") == b"second"
    assert await keys(storage) == ["a.json"]


async def test_one_of_many_writers_wins_whole(own_storage: Storage) -> None:
    """Many uploads of one key at once leave one of them, not a mixture."""
    contents = [bytes([65 + number]) * 50_000 for number in range(8)]
    async with asyncio.TaskGroup() as group:
        for content in contents:
            group.create_task(put(own_storage, "contested.pdf", content[:25_000], content[25_000:]))
    assert await read(own_storage, "contested.pdf") in contents


async def test_documents_are_listed_by_prefix_in_order(storage: Storage) -> None:
    """A listing has the keys that begin with the prefix, sorted, each with its size."""
    for key in ("b/2.pdf", "a.pdf", "a/1.pdf", "a-b/3.pdf", "a/0/x.pdf", "b/20.pdf"):
        await put(storage, key, key.encode())
    everything = ["a-b/3.pdf", "a.pdf", "a/0/x.pdf", "a/1.pdf", "b/2.pdf", "b/20.pdf"]
    assert await keys(storage) == everything
    assert await keys(storage, "a/") == ["a/0/x.pdf", "a/1.pdf"]
    assert await keys(storage, "a") == everything[:4]
    assert await keys(storage, "b/2") == ["b/2.pdf", "b/20.pdf"]
    assert await keys(storage, "c/") == []
    async with storage.list("b/20") as objects:
        (found,) = [found async for found in objects]
    assert (found.key, found.size, found.content_type) == ("b/20.pdf", 8, PDF)


async def test_a_listing_may_be_left_early(storage: Storage) -> None:
    """Who stops reading a listing leaves nothing open behind."""
    for number in range(3):
        await put(storage, f"{number}.pdf", b"x")
    async with storage.list("") as objects:
        assert (await anext(objects)).key == "0.pdf"


async def test_deleting_removes_what_is_named(storage: Storage) -> None:
    """Named documents are gone afterwards, others stay, and missing ones do not matter."""
    for key in ("a/1.pdf", "a/2.pdf", "b/1.pdf"):
        await put(storage, key, b"x")
    await storage.delete(["a/1.pdf", "b/1.pdf", "b/none.pdf"])
    assert await keys(storage) == ["a/2.pdf"]
    await storage.delete(["a/1.pdf"])
    await storage.delete([])
    assert await keys(storage) == ["a/2.pdf"]


async def test_a_large_document_needs_little_memory(storage: Storage) -> None:
    """80 MiB pass through less than 48 MiB of memory, in order and complete."""
    size = 80 * MIB
    chunks, sha256 = large(size)
    tracemalloc.start()
    try:
        upload = await storage.put("big.bin", chunks, content_type="x/y", filename=None)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 48 * MIB
    assert (upload.size, upload.sha256) == (size, sha256)
    digest, longest = hashlib.sha256(), 0
    async with storage.open("big.bin") as download:
        assert download.info.size == size
        async for chunk in download.chunks():
            digest.update(chunk)
            longest = max(longest, len(chunk))
    assert digest.hexdigest() == sha256
    assert longest <= 256 * 1024


@pytest.mark.parametrize("size", [PART_SIZE - 1, PART_SIZE, PART_SIZE + 1, 2 * PART_SIZE])
async def test_sizes_about_a_part_are_whole(storage: Storage, size: int) -> None:
    """No byte is lost where one part ends and the next begins, however the chunks are cut."""
    chunks, sha256 = large(size, chunk=PART_SIZE + PART_SIZE // 3)
    upload = await storage.put("edge.bin", chunks, content_type="x/y", filename=None)
    assert (upload.size, upload.sha256) == (size, sha256)
    assert hashlib.sha256(await read(storage, "edge.bin")).hexdigest() == sha256


@pytest.mark.parametrize("size", [10, 3 * PART_SIZE])
async def test_a_cancelled_upload_leaves_nothing(storage: Storage, size: int) -> None:
    """An upload that is cancelled half-way was never there."""
    given = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield bytes(size)
        given.set()
        await asyncio.Event().wait()

    work = asyncio.create_task(
        storage.put("reports/half.pdf", endless(), content_type=PDF, filename=None)
    )
    await given.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert await keys(storage) == []
    assert await storage.head("reports/half.pdf") is None


@pytest.mark.parametrize("size", [10, 3 * PART_SIZE])
async def test_a_failed_upload_leaves_the_older_document(storage: Storage, size: int) -> None:
    """When the source breaks its own error comes out, and what was stored before stays."""
    await put(storage, "a.pdf", b"older")

    async def broken() -> AsyncIterator[bytes]:
        yield bytes(size)
        raise LookupError("the source broke")

    with pytest.raises(LookupError, match="the source broke"):
        await storage.put("a.pdf", broken(), content_type=PDF, filename=None)
    assert await read(storage, "a.pdf") == b"older"
    assert await keys(storage) == ["a.pdf"]


async def test_an_upload_cancelled_at_any_moment_is_whole_or_absent(storage: Storage) -> None:
    """Whenever the cancel comes, nothing of a cancelled upload can be seen afterwards."""
    content = b"x" * 200_000
    for turns in range(0, 60, 3):
        key = f"moments/{turns}.pdf"
        work = asyncio.create_task(put(storage, key, content))
        for _ in range(turns):
            await asyncio.sleep(0)
        work.cancel()
        try:
            await work
        except asyncio.CancelledError:
            assert await storage.head(key) is None
        else:
            assert await read(storage, key) == content


@pytest.mark.parametrize("key", ["../a", "/a", "a/../../b", ".incoming"])
async def test_a_key_cannot_leave_the_storage(storage: Storage, key: str) -> None:
    """Keys that could name something else are refused before anything is touched."""
    with pytest.raises(ValueError, match="no storage key"):
        await storage.put(key, stream(b"x"), content_type=PDF, filename=None)
    with pytest.raises(ValueError, match="no storage key"):
        await read(storage, key)
    with pytest.raises(ValueError, match="no storage key"):
        await storage.head(key)
    with pytest.raises(ValueError, match="no storage key"):
        await storage.delete(["fine", key])
    with pytest.raises(ValueError, match="no storage key"):
        await keys(storage, f"{key}/..")


async def test_the_check_leaves_no_trace(storage: Storage) -> None:
    """A storage that works passes its check, and is as empty as before."""
    await storage.check()
    assert await keys(storage) == []
