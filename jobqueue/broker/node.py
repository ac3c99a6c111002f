"""One node of a Redis Cluster, and what its answers say about where a slot is."""

import asyncio
from typing import Any

from typing_extensions import override

from jobqueue.broker.address import Address
from jobqueue.broker.channel import Channel
from jobqueue.broker.scripts import Argument
from jobqueue.errors import JobqueueError, RedisUnavailable

Endpoint = tuple[str, int]
"""Host and port of a node."""


class Moved(RedisUnavailable):
    """Another node has the slot now; the command did not run."""

    def __init__(self, message: str, endpoint: Endpoint) -> None:
        super().__init__(message)
        self.endpoint = endpoint


class Moving(RedisUnavailable):
    """The slot is being moved, key by key; the command changed nothing.

    `endpoint` is the node to ask for a key that is not here any more; None: nobody has all
    the keys of the command.
    """

    def __init__(self, message: str, endpoint: Endpoint | None) -> None:
        super().__init__(message)
        self.endpoint = endpoint


class Node(Channel):
    """The shared connection to one node. What concerns one slot does not break it."""

    def __init__(self, address: Address, *, name: str, reply_timeout: float) -> None:
        super().__init__(address, name=name, reply_timeout=reply_timeout)
        self._host = address.host

    async def execute_asking(self, *command: Argument) -> Any:
        """The reply to a command about a key that has come here before its slot did."""
        wire = await self._connect()
        # its answer tells nothing that the command's does not
        wire.send(("ASKING",)).add_done_callback(asyncio.Future.exception)
        return await self.execute(*command)  # sent before anybody else's turn

    @override
    def error_of(self, text: str) -> JobqueueError:
        where = f"Redis at {self.place.masked}: {text}"
        if text.startswith("MOVED "):
            return Moved(where, self._endpoint(text))
        if text.startswith("ASK "):
            return Moving(where, self._endpoint(text))
        if text.startswith("TRYAGAIN") or "non local key" in text:
            return Moving(where, None)
        return super().error_of(text)

    def _endpoint(self, text: str) -> Endpoint:
        """The node in `MOVED <slot> <host>:<port>`; without a host it is at this node's."""
        host, _, port = text.split()[2].rpartition(":")
        return host or self._host, int(port)
