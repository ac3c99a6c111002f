"""One connection to Redis that many callers share.

Commands of one loop tick leave in one write, replies come back in order, so concurrent
callers are pipelined without knowing of each other. A broken connection fails the calls in
flight, whose fate is then unknown, and the next call connects again: what may be sent twice
is for the caller to decide. Nothing is ever re-sent here, but for a script that the server
says it does not have.
"""

import asyncio
import contextlib
from collections import deque
from typing import Any, cast

import hiredis
from typing_extensions import override

from jobqueue.broker.address import Address
from jobqueue.broker.scripts import Argument, ScriptCall
from jobqueue.errors import JobqueueError, RedisFull, RedisRefused, RedisUnavailable, SchemaMismatch
from jobqueue.metrics import REDIS_SCRIPT

CONNECT_TIMEOUT = 5.0
"""Seconds to connect and log in; a server that is there answers in milliseconds."""

REPLY_TIMEOUT = 5.0
"""Seconds until an answer is given up: no script of ours takes 1 % of that, so a server that
is silent for so long is frozen or unreachable."""

_UNAVAILABLE = (
    "BUSY",
    "CLUSTERDOWN",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",  # its disk is full: it takes no write that it could not keep
    "NOREPLICAS",
    "READONLY",
    "TRYAGAIN",
    "UNBLOCKED",
)
"""Error replies that say: not now, or not this server any more."""


class _Protocol(asyncio.Protocol):
    """Feeds what arrives to hiredis and hands each reply to the oldest waiter."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader()
        self._out: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self.loop = asyncio.get_running_loop()
        self.waiters: deque[asyncio.Future[Any]] = deque()
        self.closed = self.loop.create_future()

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
        return self._transport is not None and not self._transport.is_closing()

    def send(self, command: tuple[Argument, ...]) -> asyncio.Future[Any]:
        packed = hiredis.pack_command(command)  # type: ignore[arg-type]  # its stub says one item
        waiter = self.loop.create_future()
        self.waiters.append(waiter)
        if not self._out:
            self.loop.call_soon(self._flush)
        self._out.append(packed)
        return waiter

    def _flush(self) -> None:
        if self._transport is not None:
            self._transport.write(b"".join(self._out))
        self._out.clear()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class Channel:
    """A connection that is made when it is needed, and made again when it broke.

    Args:
        reply_timeout: seconds after which an unanswered call breaks the connection; a
            blocking command needs more than it blocks.

    Attributes:
        client_id: what the server calls the latest connection; None before the first.
    """

    def __init__(
        self, address: Address, *, name: str, reply_timeout: float = REPLY_TIMEOUT
    ) -> None:
        self._address = address
        self._name = name
        self._reply_timeout = reply_timeout
        self._protocol: _Protocol | None = None
        self._connecting = asyncio.Lock()
        self._watch: asyncio.TimerHandle | None = None
        self._watched: asyncio.Future[Any] | None = None
        self.client_id: int | None = None

    async def execute(self, *command: Argument) -> Any:
        """The reply to a command.

        Raises:
            RedisUnavailable: no answer; whether the command ran is unknown.
            RedisFull: the server is out of memory, and the command changed nothing.
            RedisRefused: the server refused the command.
        """
        protocol = self._protocol
        if protocol is None or not protocol.usable:
            protocol = await self._connect()
        waiter = protocol.send(command)
        if self._watch is None:
            self._watched = waiter
            self._watch = protocol.loop.call_later(self._reply_timeout, self._check, protocol)
        reply = await waiter
        if isinstance(reply, hiredis.ReplyError):
            raise self._error(reply)
        return reply

    async def call(self, call: ScriptCall) -> Any:
        """The reply to a script call; raises as `execute` does."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        try:
            reply = await self.execute(*call.command())
        except RedisRefused as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
            reply = await self.execute(*call.command_with_text())
        REDIS_SCRIPT.labels(call.source.name).observe(loop.time() - start)
        return reply

    def break_connection(self) -> None:
        """Drop the connection; calls in flight fail, the next call connects again."""
        if self._protocol is not None:
            self._protocol.abort()

    async def close(self) -> None:
        """Drop the connection and wait until it is gone."""
        if self._watch is not None:
            self._watch.cancel()
        if self._protocol is not None:
            self._protocol.abort()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._protocol.closed), 1)

    def _check(self, protocol: _Protocol) -> None:
        """Break the connection whose oldest call has waited for a whole period."""
        self._watch = None
        if not protocol.waiters:
            return
        oldest = protocol.waiters[0]
        if oldest is self._watched:
            protocol.abort()
            return
        self._watched = oldest
        self._watch = protocol.loop.call_later(self._reply_timeout, self._check, protocol)

    async def _connect(self) -> _Protocol:
        async with self._connecting:
            if self._protocol is not None and self._protocol.usable:
                return self._protocol
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    protocol = await self._open()
                    await self._log_in(protocol)
            except (OSError, TimeoutError) as error:
                problem = str(error) or "no answer"
                raise RedisUnavailable(
                    f"cannot reach Redis at {self._address.masked}: {problem}"
                ) from error
            self._protocol = protocol
            return protocol

    async def _open(self) -> _Protocol:
        loop = asyncio.get_running_loop()
        address = self._address
        if address.path is not None:
            _, protocol = await loop.create_unix_connection(_Protocol, address.path)
        else:
            _, protocol = await loop.create_connection(
                _Protocol, address.host, address.port, ssl=address.tls
            )
        return protocol

    async def _log_in(self, protocol: _Protocol) -> None:
        address = self._address
        commands: list[tuple[Argument, ...]] = []
        if address.password:
            login = (
                (address.username, address.password) if address.username else (address.password,)
            )
            commands.append(("AUTH", *login))
        if address.db:
            commands.append(("SELECT", address.db))
        commands.append(("CLIENT", "SETNAME", self._name))
        commands.append(("CLIENT", "ID"))
        try:
            replies = await asyncio.gather(*map(protocol.send, commands))
        except BaseException:
            protocol.abort()
            raise
        for reply in replies:
            if isinstance(reply, hiredis.ReplyError):
                protocol.abort()
                raise RedisUnavailable(f"Redis at {address.masked} refused the login: {reply}")
        self.client_id = replies[-1]

    def _error(self, reply: Exception) -> JobqueueError:
        text = str(reply)
        if text.startswith("OOM"):
            return RedisFull("Redis is out of memory (maxmemory) and takes no new jobs")
        if text.startswith(_UNAVAILABLE):
            self.break_connection()
            return RedisUnavailable(f"Redis at {self._address.masked}: {text}")
        if text.startswith("SCHEMA"):
            return SchemaMismatch(text.removeprefix("SCHEMA "))
        return RedisRefused(text)
