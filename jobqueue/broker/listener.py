"""Messages of channels that somebody subscribed to, in one stream."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import hiredis
from typing_extensions import override

from jobqueue.broker.address import Place
from jobqueue.broker.wire import Wire
from jobqueue.errors import RedisUnavailable, Unavailable

BEAT = 5.0
"""Seconds between two looks whether a silent connection still answers."""

BACKLOG = 100_000
"""Messages that may wait for a slow reader; with more it is told that it missed some."""

_MESSAGES = (b"message", b"smessage")


class _Ear(Wire):
    """A connection on which messages arrive unasked; None says that it is gone."""

    def __init__(self, inbox: "asyncio.Queue[bytes | None]") -> None:
        super().__init__()
        self._inbox = inbox

    @override
    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        try:
            while (reply := self._reader.gets()) is not False:
                self._take(reply)
        except (hiredis.ProtocolError, IndexError):
            self.abort()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._inbox.put_nowait(None)

    def _take(self, reply: object) -> None:
        if isinstance(reply, list) and reply[0] in _MESSAGES:
            self._inbox.put_nowait(reply[2])
            if self._inbox.qsize() > BACKLOG:
                self.abort()
            return
        # nobody waits where a node says by itself that it has the channel's slot no more
        waiter = self.waiters.popleft()
        if not waiter.done():
            waiter.set_result(reply)


class Listener:
    """Subscriptions that end together: who has missed some messages must look anew anyway."""

    def __init__(self) -> None:
        self._inbox: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._ears: dict[Place, _Ear] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def subscribe(self, place: Place, verb: str, channel: str) -> None:
        """Listen to a channel; all that are on one server share a connection.

        Args:
            place: of a server that the channel's messages reach.
            verb: `SUBSCRIBE` or `SSUBSCRIBE`.
            channel: its name.

        Raises:
            RedisUnavailable: the server cannot be reached or refuses.
        """
        server = await place.server()
        ear = self._ears.get(server)
        if ear is None:
            ear = await server.connect(lambda: _Ear(self._inbox), name="jobqueue-events")
            self._ears[server] = ear
        if not self._tasks:
            self.accompany(self._beat())
        reply = await self._answer(ear, verb, channel)
        if isinstance(reply, hiredis.ReplyError):
            raise RedisUnavailable(f"Redis at {place.masked}: {reply}")

    async def messages(self) -> AsyncIterator[bytes]:
        """What is published, in the order of each channel.

        Raises:
            RedisUnavailable: a connection is gone, or they came faster than they were read.
        """
        while (message := await self._inbox.get()) is not None:
            yield message
        raise RedisUnavailable("a subscription was lost")

    def accompany(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` for as long as this listens; when it fails, the subscriptions are lost."""
        self._tasks.append(asyncio.create_task(self._run(work), name="listener"))

    def break_off(self) -> None:
        """End the subscriptions as if their connections were lost."""
        self._inbox.put_nowait(None)

    async def close(self) -> None:
        """Drop the connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for ear in self._ears.values():
            ear.abort()

    async def _run(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Unavailable:
            self.break_off()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            for ear in list(self._ears.values()):
                await self._answer(ear, "PING")

    async def _answer(self, ear: _Ear, *command: str) -> object:
        try:
            async with asyncio.timeout(BEAT):
                return await ear.send(command)
        except TimeoutError:
            raise RedisUnavailable("a subscription does not answer") from None
