"""Moving bytes between two connections, all of them counted."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

from jobqueue.host_rules import Address
from jobqueue.net.ledger import Ledger
from jobqueue.net.messages import MAX_HEAD
from jobqueue.net.vetting import Unreachable

CONNECT_DEADLINE = 10.0
"""Seconds for a connection to each address of a host: three tries of TCP."""

CHUNK = 64 * 1024
"""Bytes moved at once."""

_NO_LINGER = struct.pack("ii", 1, 0)


class Stream:
    """One end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def head(self) -> bytes:
        """All bytes up to an empty line.

        Raises:
            asyncio.IncompleteReadError: the connection ends before.
            asyncio.LimitOverrunError: there are too many.
        """
        return await self._reader.readuntil(b"\r\n\r\n")

    async def chunk(self, most: int = CHUNK) -> bytes:
        """The next bytes; none at the end."""
        return await self._reader.read(min(most, CHUNK))

    async def send(self, content: bytes) -> None:
        """Send, not faster than the other side takes it."""
        self._writer.write(content)
        await self._writer.drain()

    async def end(self) -> None:
        """Say that no more will be sent."""
        with suppress(OSError):
            if self._writer.can_write_eof():
                self._writer.write_eof()

    async def close(self) -> None:
        """Close in order, after all that was sent."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    def abort(self) -> None:
        """Break off with a reset, so that the other side takes nothing for whole."""
        connection = self._writer.get_extra_info("socket")  # None once closed, in some loops
        with suppress(OSError):  # it is closed already
            if connection is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._writer.transport.abort()


@asynccontextmanager
async def dialled(addresses: list[Address], port: int) -> AsyncIterator[Stream]:
    """A connection to the first of the addresses that takes one; aborted at the end.

    Raises:
        Unreachable: none does.
    """
    stream = await _dial(addresses, port)
    try:
        yield stream
    finally:
        stream.abort()


async def _dial(addresses: list[Address], port: int) -> Stream:
    reason = ""
    for address in addresses:
        try:
            async with asyncio.timeout(CONNECT_DEADLINE):
                return Stream(*await asyncio.open_connection(str(address), port, limit=MAX_HEAD))
        except OSError as error:  # TimeoutError is one
            reason = error.strerror or "it does not answer"
    raise Unreachable(f"no connection to port {port} ({reason})")


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do `work` while the block runs, and give it up at its end.

    What it raises is not told: the block notices by its own end of the connection.
    """
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def moving(source: Stream, target: Stream, ledger: Ledger) -> AsyncIterator[int]:
    """Move bytes until the source ends, which is passed on; gives the size of each piece."""
    while content := await source.chunk():
        ledger.spend(len(content))
        await target.send(content)
        yield len(content)
    await target.end()


async def move_all(source: Stream, target: Stream, ledger: Ledger) -> None:
    """Move bytes until the source ends, which is passed on."""
    async for _ in moving(source, target, ledger):
        pass


async def move_exactly(source: Stream, target: Stream, size: int, ledger: Ledger) -> None:
    """Move `size` bytes.

    Raises:
        ConnectionError: the source ends before.
    """
    while size:
        content = await source.chunk(size)
        if not content:
            raise ConnectionResetError("the body ended too early")
        ledger.spend(len(content))
        await target.send(content)
        size -= len(content)
