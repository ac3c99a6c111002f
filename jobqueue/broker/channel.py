"""One connection to Redis that many callers share.

Commands of one loop tick leave in one write, replies come back in order, so concurrent
callers are pipelined without knowing of each other. A broken connection fails the calls in
flight, whose fate is then unknown, and the next call connects again: what may be sent twice
is for the caller to decide. Nothing is ever re-sent here, but for a script that the server
says it does not have.
"""

import asyncio
import contextlib
import functools
import re
from typing import Any

import hiredis

from jobqueue.broker.address import Place
from jobqueue.broker.scripts import Argument, ScriptCall
from jobqueue.broker.wire import Wire
from jobqueue.errors import JobqueueError, RedisFull, RedisRefused, RedisUnavailable, SchemaMismatch
from jobqueue.metrics import REDIS_SCRIPT

REPLY_TIMEOUT = 5.0
"""Seconds until an answer is given up: no script of ours takes 1 % of that, so a server that
is silent for so long is frozen or unreachable."""

LOOKS = 4
"""Looks within a reply timeout: a dead connection is found at most a quarter of it late."""

_UNAVAILABLE = (
    "ASK",
    "BUSY",
    "CLUSTERDOWN",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",  # its disk is full: it takes no write that it could not keep
    "MOVED",
    "NOREPLICAS",
    "READONLY",
    "TRYAGAIN",
    "UNBLOCKED",
)
"""Error replies that say: not now, or not this server any more."""

_timer = functools.cache(REDIS_SCRIPT.labels)

_WITHIN_SCRIPT = re.compile(r"^ERR Error running script .*?: -?(?=[A-Z]{3,} )")
"""What Redis 6.2 puts before the error of a command in a script."""


class Channel:
    """A connection that is made when it is needed, and made again when it broke.

    Args:
        place: leads to the server.
        reply_timeout: seconds after which an unanswered call breaks the connection; a
            blocking command needs more than it blocks.
    """

    def __init__(self, place: Place, *, name: str, reply_timeout: float = REPLY_TIMEOUT) -> None:
        self.place = place
        self._name = name
        self._reply_timeout = reply_timeout
        self._wire: Wire | None = None
        self._connecting: asyncio.Task[Wire] | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._watched: asyncio.Future[Any] | None = None
        self._looks = 0

    @property
    def client_id(self) -> int | None:
        """What the server calls the latest connection; None before the first."""
        return self._wire.client_id if self._wire else None

    async def execute(self, *command: Argument) -> Any:
        """The reply to a command.

        Raises:
            RedisUnavailable: no answer; whether the command ran is unknown.
            RedisFull: the server is out of memory, and the command changed nothing.
            RedisRefused: the server refused the command.
        """
        wire = self._wire
        if wire is None or not wire.usable:
            wire = await self._connect()
        waiter = wire.send(command)
        if self._watch is None:
            self._watch_call(waiter)
        reply = await waiter
        if isinstance(reply, hiredis.ReplyError):
            raise self.error_of(str(reply))
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
        _timer(call.source.name).observe(loop.time() - start)
        return reply

    async def execute_everywhere(self, *command: Argument) -> list[Any]:
        """The reply of the one server."""
        return [await self.execute(*command)]

    async def unblock(self, waiting: "Channel") -> None:
        """End what blocks on another channel to this server as if its time were over."""
        if waiting.client_id is not None:
            await self.execute("CLIENT", "UNBLOCK", waiting.client_id)

    def place_of(self, key: str) -> Place:  # noqa: ARG002 - every key is here
        """Where a key is."""
        return self.place

    def break_connection(self) -> None:
        """Drop the connection; calls in flight fail, the next call connects again."""
        if self._wire is not None:
            self._wire.abort()

    async def close(self) -> None:
        """Drop the connection and wait until it is gone."""
        if self._watch is not None:
            self._watch.cancel()
        if self._connecting is not None:
            self._connecting.cancel()
        if self._wire is not None:
            self._wire.abort()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._wire.closed), 1)

    def error_of(self, text: str) -> JobqueueError:
        """What an error reply means to the caller."""
        text = _WITHIN_SCRIPT.sub("", text)
        if text.startswith("OOM"):
            return RedisFull("Redis is out of memory (maxmemory) and takes no new jobs")
        if text.startswith(_UNAVAILABLE):
            self.break_connection()
            return RedisUnavailable(f"Redis at {self.place.masked}: {text}")
        if text.startswith("SCHEMA"):
            return SchemaMismatch(text.removeprefix("SCHEMA "))
        return RedisRefused(text)

    def _watch_call(self, waiter: asyncio.Future[Any]) -> None:
        self._looks = self._looks + 1 if waiter is self._watched else 0
        self._watched = waiter
        self._watch = waiter.get_loop().call_later(self._reply_timeout / LOOKS, self._check)

    def _check(self) -> None:
        """Break the connection whose oldest call has waited for the whole timeout."""
        self._watch = None
        wire = self._wire
        if wire is None or not wire.waiters:
            return
        oldest = wire.waiters[0]
        if oldest is self._watched and self._looks == LOOKS - 1:
            wire.abort()
        else:
            self._watch_call(oldest)

    async def _connect(self) -> Wire:
        """A fresh connection. All who want one share an attempt: none waits for two that fail."""
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._open())
            self._connecting.add_done_callback(_notice)
        return await asyncio.shield(self._connecting)

    async def _open(self) -> Wire:
        try:
            self._wire = await self.place.connect(Wire, name=self._name)
            return self._wire
        finally:
            self._connecting = None


def _notice(attempt: asyncio.Task[Wire]) -> None:
    """Take note of how an attempt ended; nobody may be left who waits for it."""
    if not attempt.cancelled():
        attempt.exception()
