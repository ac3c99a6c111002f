"""Where a Redis server is and how to log in: from a URL, shown without its password."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, Protocol

import hiredis
import msgspec
from redis.asyncio.connection import SSLConnection, UnixDomainSocketConnection, parse_url

from jobqueue.broker.wire import W
from jobqueue.errors import RedisUnavailable, SettingsError
from jobqueue.redis_url import mask

CONNECT_TIMEOUT = 5.0
"""Seconds to connect and log in; a server that is there answers in milliseconds."""


class Place(Protocol):
    """What leads to a server, looked for anew for each connection."""

    @property
    def masked(self) -> str:
        """Its URL without passwords, for messages."""

    async def server(self) -> "Place":
        """The one of several servers that it leads to now; equal ones are the same server.

        Raises:
            RedisUnavailable: there is none.
        """

    async def connect(self, make: Callable[[], W], *, name: str) -> W:
        """A connection that is logged in.

        Args:
            make: of the connection.
            name: what the server shows as the name of its client.

        Raises:
            RedisUnavailable: there is no server, or it refuses the login.
        """


class Address(msgspec.Struct, frozen=True):
    """One Redis server.

    Attributes:
        path: unix socket; else `host` and `port` are used.
        tls: None for a plain connection.
    """

    url: str
    host: str = "localhost"
    port: int = 6379
    path: str | None = None
    username: str | None = None
    password: str | None = None
    db: int = 0
    tls: ssl.SSLContext | None = None

    @property
    def masked(self) -> str:
        """The URL with `***` for its password, for messages."""
        return mask(self.url)

    async def server(self) -> "Address":
        """This server; see `Place`."""
        return self

    async def connect(self, make: Callable[[], W], *, name: str) -> W:
        """A connection to this server; see `Place`."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                wire = await self._open(make)
                await self._log_in(wire, name)
        except (OSError, TimeoutError) as error:
            problem = str(error) or "no answer"
            raise RedisUnavailable(f"cannot reach Redis at {self.masked}: {problem}") from error
        return wire

    async def _open(self, make: Callable[[], W]) -> W:
        loop = asyncio.get_running_loop()
        if self.path is not None:
            _, wire = await loop.create_unix_connection(make, self.path)
        else:
            _, wire = await loop.create_connection(make, self.host, self.port, ssl=self.tls)
        return wire

    async def _log_in(self, wire: W, name: str) -> None:
        commands: list[tuple[str | int, ...]] = []
        if self.password:
            login = (self.username, self.password) if self.username else (self.password,)
            commands.append(("AUTH", *login))
        if self.db:
            commands.append(("SELECT", self.db))
        commands.append(("CLIENT", "SETNAME", name))
        commands.append(("CLIENT", "ID"))
        try:
            replies = await asyncio.gather(*map(wire.send, commands))
        except BaseException:
            wire.abort()
            raise
        for reply in replies:
            if isinstance(reply, hiredis.ReplyError):
                wire.abort()
                raise RedisUnavailable(f"Redis at {self.masked} refused the login: {reply}")
        wire.client_id = replies[-1]


def parse_address(url: str) -> Address:
    """The server of a `redis://`, `rediss://` or `unix://` URL.

    Raises:
        SettingsError: the URL is not one of these.
    """
    try:
        options: dict[str, Any] = dict(parse_url(url))
    except ValueError as error:
        raise SettingsError(f"redis.url: {error}") from None
    kind = options.get("connection_class")
    return Address(
        url=url,
        host=options.get("host", "localhost"),
        port=options.get("port", 6379),
        path=options.get("path") if kind is UnixDomainSocketConnection else None,
        username=options.get("username"),
        password=options.get("password"),
        db=int(options.get("db", 0)),
        tls=_tls(options) if kind is SSLConnection else None,
    )


def _tls(options: dict[str, Any]) -> ssl.SSLContext:
    """The TLS context for the `ssl_…` options of a `rediss://` URL."""
    context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
    if options.get("ssl_cert_reqs") == "none":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate := options.get("ssl_certfile"):
        context.load_cert_chain(certificate, options.get("ssl_keyfile"))
    return context
