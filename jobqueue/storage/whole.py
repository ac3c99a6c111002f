"""Objects that are in memory as a whole: written from there, read to there."""

from collections.abc import AsyncIterator

from jobqueue.storage.base import Storage

CHUNK = 256 * 1024
"""Bytes handed over at once, as a download gives them."""


async def chunks_of(content: bytes) -> AsyncIterator[bytes]:
    """`content` in pieces."""
    for start in range(0, len(content), CHUNK):
        yield content[start : start + CHUNK]


async def read_whole(storage: Storage, key: str) -> bytes:
    """All bytes of an object.

    Raises:
        FileNotFoundError: there is no such object.
        StorageUnavailable: the storage does not answer.
    """
    async with storage.open(key) as download:
        return b"".join([chunk async for chunk in download.chunks()])
