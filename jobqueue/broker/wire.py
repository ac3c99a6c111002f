"""One connection to a Redis server: commands out, replies back in their order."""

import asyncio
from collections import deque
from typing import Any, TypeVar, cast

import hiredis
from typing_extensions import override

from jobqueue.broker.scripts import Argument
from jobqueue.errors import RedisUnavailable

W = TypeVar("W", bound="Wire")


class Wire(asyncio.Protocol):
    """Feeds what arrives to hiredis and hands each reply to the oldest waiter.

    Attributes:
        waiters: of the commands that are not answered yet, oldest first.
        closed: done once the connection is gone.
        client_id: what the server calls this connection; 0 before the login.
    """

    def __init__(self) -> None:
        self._reader = hiredis.Reader()
        self._out: list[bytes] = []
        self._gathering = False
        self._transport: asyncio.Transport | None = None
        self.loop = asyncio.get_running_loop()
        self.waiters: deque[asyncio.Future[Any]] = deque()
        self.closed = self.loop.create_future()
        self.client_id = 0

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    @override
    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        try:
            while (reply := self._reader.gets()) is not False:
                waiter = self.waiters.popleft()
                if not waiter.done():
                    waiter.set_result(reply)
        except (hiredis.ProtocolError, IndexError):
            self.abort()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if not self.closed.done():
            self.closed.set_result(None)
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_exception(RedisUnavailable(f"the connection to Redis was lost: {exc}"))
        self.waiters.clear()

    @property
    def usable(self) -> bool:
        """Whether commands can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, command: tuple[Argument, ...]) -> asyncio.Future[Any]:
        """Send now, or with the others that follow in this loop tick; the future gets the reply.

        Error replies are replies too.
        """
        packed = hiredis.pack_command(command)  # type: ignore[arg-type]  # its stub says one item
        waiter = self.loop.create_future()
        if self._transport is None:  # lost since somebody looked: nobody else would answer
            waiter.set_exception(RedisUnavailable("the connection to Redis was lost"))
            return waiter
        self.waiters.append(waiter)
        if self._gathering:
            self._out.append(packed)
        else:
            self._gathering = True
            self.loop.call_soon(self._flush)
            self._transport.write(packed)
        return waiter

    def _flush(self) -> None:
        self._gathering = False
        if self._out and self._transport is not None:
            self._transport.write(b"".join(self._out))
        self._out.clear()

    def abort(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            self._transport.abort()
