"""The check that a storage works: a probe object is written, read and removed."""

import os

from jobqueue.errors import StorageUnavailable
from jobqueue.storage.base import Storage
from jobqueue.storage.whole import chunks_of, read_whole


async def probe(storage: Storage) -> None:
    """Write, read and delete a small object of a name that nothing else uses.

    Raises:
        StorageUnavailable: one of them does not work.
    """
    content = os.urandom(32)
    key = f"probe/{content[:8].hex()}.txt"
    await storage.put(key, chunks_of(content), content_type="text/plain", filename=None)
    try:
        found = await _read(storage, key)
    finally:
        await storage.delete([key])
    if found != content:
        raise StorageUnavailable(
            f"the storage gave back {len(found)} other bytes than the {len(content)} it was given; "
            "check that nothing else writes to it, and the server's own log"
        )


async def _read(storage: Storage, key: str) -> bytes:
    try:
        return await read_whole(storage, key)
    except FileNotFoundError:
        return b""
