"""Documents in a local folder: `file:`."""

import asyncio
import errno
import itertools
import os
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

import structlog

from jobqueue.errors import StorageUnavailable
from jobqueue.storage.base import Download, StoredObject, Upload
from jobqueue.storage.blocks import blocks
from jobqueue.storage.folder import Folder, Partial
from jobqueue.storage.keys import check_range
from jobqueue.storage.probe import probe

CHUNK = 256 * 1024
"""Largest piece that a download gives at once, as the protocol promises."""
_BLOCK = 1024 * 1024
"""Written at once: large enough that the hop to a thread costs nothing beside the disk."""
_THREADS = 4
"""Enough to keep a disk busy; a stuck network file system takes no others with it."""
_LISTED_AT_ONCE = 500

_FIXES = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EFBIG: "the file is larger than the limit of the process or disk; raise it (ulimit -f)",
    errno.EROFS: "the file system is read-only; mount it writable",
    errno.EACCES: "user {uid} has no permission; give it access (chown or chmod)",
    errno.EPERM: "user {uid} has no permission; give it access (chown or chmod)",
}

log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


class LocalStorage:
    """Objects as files of a folder, written whole or not at all.

    One key must not be the folder of another (`a` and `a/b`).

    Args:
        root: the folder; made by the first upload.
    """

    def __init__(self, root: Path) -> None:
        self._folder = Folder(root)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="storage")

    async def start(self) -> None:
        """Remove what crashed uploads have left behind, if the folder can be used."""
        try:
            await self._run(self._folder.sweep)
        except StorageUnavailable as error:
            log.warning("storage_not_swept", error=str(error))

    async def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False)

    async def check(self) -> None:
        """Write, read and delete a probe object."""
        await probe(self)

    async def put(
        self, key: str, chunks: AsyncIterator[bytes], *, content_type: str, filename: str | None
    ) -> Upload:
        """Store `chunks` under `key`; the file is on disk and complete before it is visible."""
        del filename  # the file has no place for it; who serves a document knows its name
        upload = Partial(self._folder, key, content_type)
        try:
            async with aclosing(blocks(chunks, _BLOCK)) as parts:
                last = await anext(parts, b"")
                async for block in parts:
                    await self._run(upload.write, last)
                    last = block
            return await self._run(upload.publish, last)
        except BaseException:
            await self._run(upload.discard)
            raise

    @asynccontextmanager
    async def open(
        self, key: str, *, start: int = 0, end: int | None = None
    ) -> AsyncIterator[Download]:
        """Open the object, or bytes `start` to `end` (exclusive) of it."""
        check_range(start, end)
        info, file = await self._run(self._folder.open, key, start)
        with file:
            length = (info.size if end is None else min(end, info.size)) - start
            yield _FileDownload(info, partial(self._run, file.read), length)

    async def head(self, key: str) -> StoredObject | None:
        """The object's description, None when there is none."""
        return await self._run(self._folder.stat, key)

    async def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; missing ones are no error."""

        def remove() -> None:
            for key in keys:
                self._folder.remove(key)

        await self._run(remove)

    @asynccontextmanager
    async def list(self, prefix: str) -> AsyncIterator[AsyncIterator[StoredObject]]:
        """All objects whose key starts with `prefix`, in the order of their keys."""
        async with aclosing(self._listed(prefix)) as objects:
            yield objects

    async def _listed(self, prefix: str) -> AsyncGenerator[StoredObject, None]:
        found = self._folder.walk(prefix)
        while batch := await self._run(lambda: [*itertools.islice(found, _LISTED_AT_ONCE)]):
            for item in batch:
                yield item

    async def link(self, key: str, *, filename: str, expires: float) -> None:
        """None: a folder serves nothing by itself."""

    async def _run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call in a thread; a cancelled caller goes on only when the thread is done."""
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._threads, lambda: call(*args, **kwargs))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            raise
        except FileNotFoundError:
            raise
        except OSError as error:
            raise StorageUnavailable(self._explain(error)) from error

    def _explain(self, error: OSError) -> str:
        reason = f"{error.strerror or error} ({error.filename})"
        fix = _FIXES.get(error.errno or 0, reason).format(uid=os.geteuid())
        return (
            f"the storage folder {self._folder.root.absolute()} cannot be used: {fix}, "
            "or set storage.url to another place"
        )


class _FileDownload:
    def __init__(
        self, info: StoredObject, read: Callable[[int], Awaitable[bytes]], length: int
    ) -> None:
        self.info = info
        self._read = read
        self._left = length

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes in order."""
        while self._left > 0 and (chunk := await self._read(min(CHUNK, self._left))):
            self._left -= len(chunk)
            yield chunk
