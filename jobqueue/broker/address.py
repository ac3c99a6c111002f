"""Where a Redis server is and how to log in: from a URL, shown without its password."""

import ssl
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec
from redis.asyncio.connection import SSLConnection, UnixDomainSocketConnection, parse_url

from jobqueue.errors import SettingsError


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
        parts = urlsplit(self.url)
        if not parts.password:
            return self.url
        login, _, place = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{login.partition(':')[0]}:***@{place}"))


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
