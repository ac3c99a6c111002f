"""What the storage tests do again and again."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from jobqueue.settings import StorageSettings
from jobqueue.storage.base import Storage, Upload
from jobqueue.storage.factory import make_storage

PDF = "application/pdf"


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    """`chunks`, one by one."""
    for chunk in chunks:
        yield chunk


async def put(storage: Storage, key: str, *chunks: bytes, content_type: str = PDF) -> Upload:
    """Store a document of `chunks`."""
    return await storage.put(key, stream(*chunks), content_type=content_type, filename=None)


async def read(storage: Storage, key: str, start: int = 0, end: int | None = None) -> bytes:
    """The bytes of an object."""
    async with storage.open(key, start=start, end=end) as download:
        return b"".join([chunk async for chunk in download.chunks()])


async def keys(storage: Storage, prefix: str = "") -> list[str]:
    """The keys that start with `prefix`, in the order in which they come."""
    async with storage.list(prefix) as objects:
        return [found.key async for found in objects]


def large(size: int, chunk: int = 256 * 1024) -> tuple[AsyncIterator[bytes], str]:
    """A document that is never in memory as a whole, no two chunks alike, and its SHA-256."""

    def chunks() -> list[int]:
        return [min(chunk, size - at) for at in range(0, size, chunk)]

    def content(number: int, length: int) -> bytes:
        return (number.to_bytes(8) * (length // 8 + 1))[:length]

    digest = hashlib.sha256()
    for number, length in enumerate(chunks()):
        digest.update(content(number, length))

    async def produce() -> AsyncIterator[bytes]:
        for number, length in enumerate(chunks()):
            yield content(number, length)

    return produce(), digest.hexdigest()


@asynccontextmanager
async def started(settings: StorageSettings, data_dir: Path) -> AsyncIterator[Storage]:
    """The storage of `settings`, closed afterwards."""
    storage = make_storage(settings, data_dir)
    await storage.start()
    try:
        yield storage
    finally:
        await storage.close()
