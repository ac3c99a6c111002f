"""All connections of one process to Redis: to one server, to a master, or to a cluster."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jobqueue.broker.address import parse_address
from jobqueue.broker.channel import REPLY_TIMEOUT, Channel
from jobqueue.broker.cluster import Cluster
from jobqueue.broker.commands import Commands
from jobqueue.broker.listener import Listener
from jobqueue.broker.sentinel import Sentinels
from jobqueue.broker.switch_watch import SwitchWatch
from jobqueue.errors import RedisUnavailable, ServerUnreachable, SettingsError
from jobqueue.redis_url import RedisUrl, parse_redis_url

CLIENT_NAME = "jobqueue"


class Connections:
    """The shared commands, and further channels for those who block.

    Attributes:
        url: where Redis is.
        commands: shared by all callers of this process; never used to block.
    """

    def __init__(self, url: RedisUrl) -> None:
        self.url = url
        self.commands = commands_at(url, name=CLIENT_NAME)
        self._blocking: list[Channel] = []
        self._listeners: set[Listener] = set()
        self._watching: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, url: str) -> "Connections":
        """Connect to a Redis URL; see `redis_url` for its forms.

        Raises:
            ServerUnreachable: nothing answers there; the message shows the URL, masked.
            SettingsError: it is no such URL, or what answers is not what it says.
        """
        try:
            parsed = parse_redis_url(url)
        except ValueError as error:
            raise SettingsError(f"redis.url: {error}") from None
        connections = cls(parsed)
        try:
            await connections.commands.execute("PING")
        except BaseException as error:
            await connections.close()
            if isinstance(error, RedisUnavailable):
                raise ServerUnreachable(str(error)) from None
            raise
        connections._watch_switches()
        return connections

    def blocking(self, key: str, *, reply_timeout: float) -> Channel:
        """A channel of its own for a caller that blocks on `key`, nearly `reply_timeout` s."""
        channel = Channel(
            self.commands.place_of(key), name=f"{CLIENT_NAME}-blocking", reply_timeout=reply_timeout
        )
        self._blocking.append(channel)
        return channel

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Listener]:
        """Subscriptions that end with the context."""
        listener = Listener()
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
            await listener.close()

    async def close(self) -> None:
        """Drop all connections."""
        if self._watching:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        await asyncio.gather(
            self.commands.close(), *(channel.close() for channel in self._blocking)
        )

    def _watch_switches(self) -> None:
        place = self.commands.place_of(CLIENT_NAME)
        if isinstance(place, Sentinels):
            watch = SwitchWatch(place, self._leave_old_master)
            self._watching = asyncio.create_task(watch.run(), name="switch-watch")

    def _leave_old_master(self) -> None:
        """Break all connections; who goes on connects to the new master."""
        self.commands.break_connection()
        for channel in self._blocking:
            channel.break_connection()
        for listener in self._listeners:
            listener.break_off()


def commands_at(url: RedisUrl, *, name: str, reply_timeout: float = REPLY_TIMEOUT) -> Commands:
    """The commands of what a URL names, connected when they are needed."""
    if url.topology == "cluster":
        return Cluster(url, name=name, reply_timeout=reply_timeout)
    place = Sentinels(url) if url.topology == "sentinel" else parse_address(url.url)
    return Channel(place, name=name, reply_timeout=reply_timeout)
