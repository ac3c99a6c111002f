"""A connection that fails on purpose, between a client and a real server."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass
class Link:
    """What goes wrong between client and server.

    Attributes:
        url: where clients connect.
        target: the host and port of the server.
        victims: requests whose beginning matches lose their answer.
        answered: bytes of each such answer that still arrive.
        times: how many answers are lost; later ones arrive.
        hold: keep the connection of a lost answer open and silent, instead of closing it.
        spoil: bytes of a request that arrive as others.
        lost: answers lost so far.
    """

    url: str
    target: tuple[str, int]
    victims: re.Pattern[bytes] | None = None
    answered: int = 0
    times: int = 1
    hold: bool = False
    spoil: tuple[bytes, bytes] | None = None
    lost: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        there, back = await asyncio.open_connection(*self.target)
        connection = _Connection(self)
        carrying = [
            asyncio.create_task(connection.requests(reader, back)),
            asyncio.create_task(connection.answers(there, writer)),
        ]
        try:
            await asyncio.wait(carrying, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in carrying:
                task.cancel()
            await asyncio.gather(*carrying, return_exceptions=True)
            for end in (back, writer):
                end.close()
                with suppress(OSError):
                    await end.wait_closed()


class _Connection:
    def __init__(self, link: Link) -> None:
        self._link = link
        self._left: int | None = None

    async def requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = self._link
        with suppress(OSError):
            while data := await reader.read(65536):
                if link.victims and link.victims.match(data) and link.lost < link.times:
                    link.lost += 1
                    self._left = link.answered
                writer.write(data.replace(*link.spoil) if link.spoil else data)
                await writer.drain()

    async def answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                if self._left is not None and not data.startswith(b"HTTP/1.1 100 "):
                    data = data[: self._left]
                    self._left -= len(data)
                writer.write(data)
                await writer.drain()
                if self._left == 0:
                    if self._link.hold:
                        await asyncio.Event().wait()
                    return


@asynccontextmanager
async def faulty_link(url: str) -> AsyncIterator[Link]:
    """A link to the server at `url`, faultless until told otherwise."""
    parts = urlsplit(url)
    link = Link(url="", target=(str(parts.hostname), int(parts.port or 80)))
    server = await asyncio.start_server(link.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    link.url = f"http://{host}:{port}"
    async with server:
        yield link
