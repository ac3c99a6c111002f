"""Documents between printing and storing: in memory or on disk, always whole, never left over."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator

import pytest

from jobqueue.render.failures import BrowserLost
from jobqueue.render.spool import CHUNK, IN_MEMORY, Spool

from .helpers import unnamed_files

SIZES = [1, IN_MEMORY, IN_MEMORY + 1, 3 * IN_MEMORY + 7]


async def cut(content: bytes, size: int) -> AsyncIterator[bytes]:
    """`content` in pieces of `size` bytes."""
    for start in range(0, len(content), size):
        yield content[start : start + size]


@pytest.mark.parametrize("size", SIZES)
async def test_what_comes_in_goes_out(size: int) -> None:
    """A document is the same however it is kept, and however often it is read."""
    before = unnamed_files()
    content = os.urandom(size)
    spool = await Spool.of(cut(content, 300_001))
    assert len(unnamed_files() - before) == (size > IN_MEMORY)
    assert spool.size == size
    assert spool.read() == content
    for _ in range(2):
        pieces = [piece async for piece in spool.chunks()]
        assert b"".join(pieces) == content
        assert max(map(len, pieces)) <= CHUNK
    with spool.view() as view:
        assert view[:] == content
    spool.close()
    spool.close()
    assert unnamed_files() == before


async def test_a_stream_that_breaks_leaves_no_file() -> None:
    """What Chromium did not finish takes no room on the disk."""
    before = unnamed_files()

    async def broken() -> AsyncIterator[bytes]:
        yield bytes(IN_MEMORY + 1)
        assert unnamed_files() > before
        raise BrowserLost("gone")

    with pytest.raises(BrowserLost):
        await Spool.of(broken())
    assert unnamed_files() == before


async def test_a_cancelled_document_leaves_no_file() -> None:
    """A job that is cancelled while its document is written takes no room either."""
    before = unnamed_files()
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(IN_MEMORY)
            begun.set()

    task = asyncio.create_task(Spool.of(endless()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert unnamed_files() == before


async def test_a_forgotten_document_leaves_no_file() -> None:
    """A document that nobody closes goes with its last user."""
    gc.collect()  # what other tests have left goes now
    before = unnamed_files()
    spool = await Spool.of(cut(bytes(IN_MEMORY + 1), CHUNK))
    del spool
    assert unnamed_files() == before
