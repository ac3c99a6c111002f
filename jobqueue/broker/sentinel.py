"""The master that sentinels name: asked for at each connect, and looked at before it is used."""

import asyncio
from collections.abc import Callable

import hiredis

from jobqueue.broker.address import Address, parse_address
from jobqueue.broker.wire import W, Wire
from jobqueue.errors import RedisUnavailable
from jobqueue.redis_url import RedisUrl

ASK_TIMEOUT = 1.0
"""Seconds for one sentinel to answer; a dead one must not keep us from asking the next."""


class Sentinels:
    """Leads to the master of a service; see `Place`."""

    def __init__(self, url: RedisUrl) -> None:
        self._url = url
        self._sentinels = [parse_address(url.sentinel(*host)) for host in url.hosts]

    @property
    def sentinels(self) -> list[Address]:
        """The sentinels, in the order in which they are asked."""
        return list(self._sentinels)

    @property
    def service(self) -> str:
        """What they call the master."""
        return self._url.service

    @property
    def masked(self) -> str:
        """The URL without passwords, for messages."""
        return self._url.masked

    async def server(self) -> "Sentinels":
        """Whichever server is the master when somebody connects; see `Place`."""
        return self

    async def connect(self, make: Callable[[], W], *, name: str) -> W:
        """A connection to the master, from the first sentinel that leads to one.

        That sentinel is asked first the next time.
        """
        problems: dict[str, None] = {}
        tried = set()
        for sentinel in self.sentinels:
            try:
                master = await self.ask(sentinel)
                if master in tried:
                    continue
                tried.add(master)
                wire = await parse_address(self._url.server(*master)).connect(make, name=name)
                await _check_role(wire, master)
            except RedisUnavailable as error:
                problems[str(error)] = None
                continue
            self.prefer(sentinel)
            return wire
        raise RedisUnavailable(f"no master at {self.masked}: {'; '.join(problems)}")

    def prefer(self, sentinel: Address) -> None:
        """Ask this one first from now on."""
        self._sentinels.remove(sentinel)
        self._sentinels.insert(0, sentinel)

    async def ask(self, sentinel: Address) -> tuple[str, int]:
        """Host and port of the master, as one sentinel knows it.

        Raises:
            RedisUnavailable: it does not answer, or knows of none.
        """
        where, service = f"{sentinel.host}:{sentinel.port}", self.service
        try:
            async with asyncio.timeout(ASK_TIMEOUT):
                wire = await sentinel.connect(Wire, name="jobqueue-sentinel")
                try:
                    reply = await wire.send(("SENTINEL", "get-master-addr-by-name", service))
                finally:
                    wire.abort()
        except TimeoutError:
            raise RedisUnavailable(f"sentinel {where} does not answer") from None
        if isinstance(reply, hiredis.ReplyError):
            raise RedisUnavailable(f"sentinel {where}: {reply}")
        if reply is None:
            raise RedisUnavailable(f"sentinel {where} knows no master {service!r}")
        return reply[0].decode(), int(reply[1])


async def _check_role(wire: Wire, master: tuple[str, int]) -> None:
    """Refuse a server that is a replica by now: its sentinel has not heard of it yet."""
    try:
        async with asyncio.timeout(ASK_TIMEOUT):
            reply = await wire.send(("ROLE",))
    except TimeoutError:
        reply = None
    if not isinstance(reply, list) or reply[0] != b"master":
        wire.abort()
        raise RedisUnavailable(f"{master[0]}:{master[1]} is not the master")
