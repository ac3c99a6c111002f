"""A proxy in front of a server that is a bad network when it is told to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path


class _Link:
    """A client's connection and the one to the server that continues it.

    Attributes:
        held: what is sent does not arrive, either way, until `let_go`.
    """

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client = client
        self.server = server
        self.held = False
        self._late: list[tuple[asyncio.StreamWriter, bytes]] = []

    def send(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        """Pass on, or hold back."""
        if self.held:
            self._late.append((writer, data))
        else:
            writer.write(data)

    def let_go(self) -> None:
        """Let arrive what was held back, as TCP does once its packets come through again."""
        self.held = False
        for writer, data in self._late:
            if not writer.is_closing():
                writer.write(data)
        self._late.clear()

    def abort(self) -> None:
        """Break both connections."""
        self.client.transport.abort()
        self.server.transport.abort()


class LossyProxy:
    """Passes bytes on; `lose_replies` makes it break connections instead of answering.

    `hold` does what a network does that drops every packet: nobody is told, and nothing arrives.

    Attributes:
        lost: connections that were broken with a request done and its reply unread.
    """

    def __init__(self, server: Path | int) -> None:
        self.lost = 0
        self._cut_after: int | None = None
        self._server = server
        self._to_lose = 0
        self._links: set[_Link] = set()
        self._holds = False
        self._closed = False
        self._orphans: list[_Link] = []
        """Their clients have gone, and their server has not heard of it."""

    def lose_replies(self, count: int) -> None:
        """Break the connection instead of passing on each of the next `count` replies."""
        self._to_lose = count

    def cut_after(self, size: int) -> None:
        """Break the next connection when so many bytes of its replies have been passed on."""
        self._cut_after = size

    def break_all(self) -> None:
        """Break every open connection."""
        for link in (*self._links, *self._orphans):
            link.abort()
        self._orphans.clear()

    def close(self) -> None:
        """Break every connection, also those that are just being made."""
        self._closed = True
        self.break_all()

    def hold(self) -> None:
        """Drop every packet, of new connections too, until `heal`."""
        self._holds = True
        self.hold_open()

    def hold_open(self) -> None:
        """Drop every packet of the connections that are open; new ones work."""
        for link in self._links:
            link.held = True

    def heal(self) -> None:
        """Let packets through again: what was sent meanwhile arrives late."""
        self._holds = False
        for link in (*self._links, *self._orphans):
            link.let_go()
        for orphan in self._orphans:
            orphan.server.close()
        self._orphans.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Handle one client."""
        server_reader, server_writer = await self._connect()
        link = _Link(writer, server_writer)
        if self._closed:
            link.abort()
            return
        link.held = self._holds
        self._links.add(link)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._requests(reader, link))
                group.create_task(self._replies(server_reader, link))
        except* (OSError, EOFError):
            pass
        finally:
            self._links.remove(link)
            writer.transport.abort()
            if link.held:
                self._orphans.append(link)
            else:
                server_writer.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._server, int):
            return await asyncio.open_connection("127.0.0.1", self._server)
        return await asyncio.open_unix_connection(str(self._server))

    async def _requests(self, reader: asyncio.StreamReader, link: _Link) -> None:
        while data := await reader.read(65536):
            link.send(link.server, data)
        raise EOFError

    async def _replies(self, server: asyncio.StreamReader, link: _Link) -> None:
        while data := await server.read(65536):
            if self._to_lose > 0:
                self._to_lose -= 1
                self.lost += 1
                break
            if self._cut_after is not None and len(data) >= self._cut_after:
                link.client.write(data[: self._cut_after])
                await link.client.drain()
                link.client.close()
                await link.client.wait_closed()
                self._cut_after = None
                self.lost += 1
                break
            if self._cut_after is not None:
                self._cut_after -= len(data)
            link.send(link.client, data)
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
        proxy.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(listener.wait_closed(), 5)


@asynccontextmanager
async def lossy_network(port: int) -> AsyncIterator[tuple[LossyProxy, str]]:
    """A proxy to a server on a loopback port, and the URL under which HTTP goes through it."""
    proxy = LossyProxy(port)
    listener = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    try:
        yield proxy, f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    finally:
        listener.close()
        proxy.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(listener.wait_closed(), 5)
