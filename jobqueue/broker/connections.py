"""All connections of one process to one Redis server."""

import asyncio

from jobqueue.broker.address import Address, parse_address
from jobqueue.broker.channel import Channel
from jobqueue.errors import RedisUnavailable, ServerUnreachable

CLIENT_NAME = "jobqueue"


class Connections:
    """The shared channel for commands, and further channels for those who block.

    Attributes:
        address: where the server is.
        commands: shared by all callers of this process; never used to block.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self.commands = Channel(address, name=CLIENT_NAME)
        self._blocking: list[Channel] = []

    @classmethod
    async def open(cls, url: str) -> "Connections":
        """Connect to a `redis://`, `rediss://` or `unix://` URL.

        Raises:
            ServerUnreachable: nothing answers there; the message shows the URL, masked.
            SettingsError: it is no such URL.
        """
        connections = cls(parse_address(url))
        try:
            await connections.commands.execute("PING")
        except RedisUnavailable as error:
            await connections.close()
            raise ServerUnreachable(str(error)) from None
        return connections

    def blocking(self, *, reply_timeout: float) -> Channel:
        """A channel of its own for a caller that blocks up to nearly `reply_timeout` seconds."""
        channel = Channel(self.address, name=f"{CLIENT_NAME}-blocking", reply_timeout=reply_timeout)
        self._blocking.append(channel)
        return channel

    async def close(self) -> None:
        """Drop all connections."""
        await asyncio.gather(
            self.commands.close(), *(channel.close() for channel in self._blocking)
        )
