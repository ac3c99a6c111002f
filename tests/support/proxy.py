"""A proxy in front of a server's unix socket that loses replies when it is told to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path


class LossyProxy:
    """Passes bytes on; `lose_replies` makes it break connections instead of answering.

    Attributes:
        lost: connections that were broken with a request done and its reply unread.
    """

    def __init__(self, server: Path) -> None:
        self.lost = 0
        self._server = server
        self._to_lose = 0
        self._open: set[asyncio.StreamWriter] = set()

    def lose_replies(self, count: int) -> None:
        """Break the connection instead of passing on each of the next `count` replies."""
        self._to_lose = count

    def break_all(self) -> None:
        """Break every open connection."""
        for writer in self._open:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Handle one client."""
        server_reader, server_writer = await asyncio.open_unix_connection(str(self._server))
        self._open |= {writer, server_writer}
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._requests(reader, server_writer))
                group.create_task(self._replies(server_reader, writer))
        except* (OSError, EOFError):
            pass
        finally:
            self._open -= {writer, server_writer}
            writer.transport.abort()
            server_writer.transport.abort()

    async def _requests(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            server.write(data)
        raise EOFError

    async def _replies(self, server: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await server.read(65536):
            if self._to_lose > 0:
                self._to_lose -= 1
                self.lost += 1
                break
            writer.write(data)
        raise EOFError


@asynccontextmanager
async def lossy_proxy(server: Path, socket: Path) -> AsyncIterator[LossyProxy]:
    """A proxy that listens on `socket` and talks to `server`."""
    proxy = LossyProxy(server)
    listener = await asyncio.start_unix_server(proxy.serve, str(socket))
    try:
        yield proxy
    finally:
        listener.close()
        proxy.break_all()
        with suppress(TimeoutError):
            await asyncio.wait_for(listener.wait_closed(), 5)
