"""Keeps a document between printing and storing: a small one in memory, a large one on disk.

A large document is taken out of Chromium as fast as the disk is, and not as slowly as a
storage may be, because it is lost with its browser. What is wrong with it is known before the
storage sees anything of it.
"""

import asyncio
import mmap
import os
import tempfile
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

IN_MEMORY = 4 * 1024 * 1024
"""Bytes up to which a document stays in memory: less than one part of an upload has."""

CHUNK = 1024 * 1024
"""Bytes read at once from the disk: large beside the hop to a thread."""


class Spool:
    """The bytes of one document, written once and read any number of times, until `close`.

    Its file has no name, so that it goes with the process at the latest.

    Attributes:
        size: bytes written so far.
    """

    def __init__(self) -> None:
        self.size = 0
        self._pieces: list[bytes] = []
        self._file: int | None = None
        self._close: Callable[[], object] = _nothing

    @classmethod
    async def of(cls, chunks: AsyncIterator[bytes]) -> "Spool":
        """All of a stream.

        Raises:
            OSError: there is no room on the disk.
        """
        spool = cls()
        try:
            async for chunk in chunks:
                await spool.write(chunk)
        except BaseException:
            spool.close()
            raise
        return spool

    async def write(self, chunk: bytes) -> None:
        """Add bytes at the end."""
        self.size += len(chunk)
        self._pieces.append(chunk)
        if self._file is not None or self.size > IN_MEMORY:
            await _to_its_end(self._move_to_disk)

    def _move_to_disk(self) -> None:
        if self._file is None:
            with tempfile.TemporaryFile(prefix="jobqueue-document-", buffering=0) as file:
                self._file = os.dup(file.fileno())
            self._close = weakref.finalize(self, os.close, self._file)
        for piece in self._pieces:
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(self._file, rest) :]
        self._pieces.clear()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes from the first on."""
        if self._file is None:
            for piece in self._pieces:
                yield piece
            return
        for start in range(0, self.size, CHUNK):
            yield await asyncio.to_thread(os.pread, self._file, CHUNK, start)

    def read(self) -> bytes:
        """All bytes at once."""
        if self._file is None:
            return b"".join(self._pieces)
        with self.view() as view:
            return view[:]

    @contextmanager
    def view(self) -> Iterator[bytes | mmap.mmap]:
        """The bytes to look at; only what is looked at comes into memory."""
        if self._file is None:
            yield b"".join(self._pieces)
            return
        with mmap.mmap(self._file, self.size, access=mmap.ACCESS_READ) as view:
            yield view

    def close(self) -> None:
        """Forget the bytes."""
        self._pieces.clear()
        self._close()


def _nothing() -> None:
    """What there is to be closed of a document in memory."""


async def _to_its_end(write: Callable[[], None]) -> None:
    """Write in a thread; a cancelled caller goes on, and may close the file, only when it is done.

    The number of a closed file soon is another file's.
    """
    task = asyncio.ensure_future(asyncio.to_thread(write))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
