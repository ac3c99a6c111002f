"""Redis URLs: which forms there are, and how they are shown.

    redis://  rediss://  unix://                     one server
    redis+sentinel://host:port,host:port/name/db     the master that these sentinels name
    redis+cluster://host:port,host:port              a cluster, found from any of these nodes

`rediss+sentinel://` and `rediss+cluster://` use TLS to every server.
"""

import re
from typing import Literal
from urllib.parse import parse_qs, quote, urlsplit

import msgspec

Topology = Literal["standalone", "sentinel", "cluster"]

SENTINEL_PORT = 26379
CLUSTER_PORT = 6379
ALLOWED = (
    "must start with redis://, rediss:// or unix://, redis+sentinel:// or redis+cluster://, "
    "or be embedded:"
)

_SCHEMES: dict[str, Topology] = {
    "redis": "standalone",
    "rediss": "standalone",
    "unix": "standalone",
    "redis+sentinel": "sentinel",
    "rediss+sentinel": "sentinel",
    "redis+cluster": "cluster",
    "rediss+cluster": "cluster",
}
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:\s%]+)(?::([0-9]{1,5}))?")
_SERVICE = re.compile(r"[A-Za-z0-9_.-]+")
_LOGIN = re.compile(r"(?<=://)([^:@/]*):.*(?=@)")
_SECRET_OPTION = re.compile(r"(?<=password=)[^&]*")
_MAX_PORT = 65535


class RedisUrl(msgspec.Struct, frozen=True):
    """A Redis URL in its parts.

    Attributes:
        scheme: of each single server: `redis`, `rediss` or `unix`.
        login: `user:password@` as it was given, or empty.
        hosts: the sentinels, or the nodes from which a cluster is found; empty for one server.
        service: what the sentinels call the master.
        query: `?…` or empty.
    """

    url: str
    topology: Topology
    scheme: str
    login: str = ""
    hosts: tuple[tuple[str, int], ...] = ()
    service: str = ""
    db: int = 0
    query: str = ""

    @property
    def masked(self) -> str:
        """The URL with `***` for its passwords, for messages."""
        return mask(self.url)

    def server(self, host: str, port: int) -> str:
        """The URL of one server that holds data."""
        return f"{self.scheme}://{self.login}{_bracketed(host)}:{port}/{self.db}{self.query}"

    def sentinel(self, host: str, port: int) -> str:
        """The URL of one sentinel, which has a login of its own or none."""
        options = parse_qs(self.query[1:])
        user = quote(options.get("sentinel_username", [""])[0], safe="")
        password = quote(options.get("sentinel_password", [""])[0], safe="")
        login = f"{user}:{password}@" if password else ""
        return f"{self.scheme}://{login}{_bracketed(host)}:{port}/0{self.query}"


def parse_redis_url(url: str) -> RedisUrl:
    """The parts of a Redis URL.

    Raises:
        ValueError: what the URL must be like; shows no part of a password.
    """
    scheme, separator, rest = url.partition("://")
    topology = _SCHEMES.get(scheme)
    if topology is None or not separator:
        raise ValueError(ALLOWED)
    if topology == "standalone":
        _check_server(url, scheme)
        return RedisUrl(url, topology, scheme)
    server_scheme = scheme.partition("+")[0]
    login, at, place = rest.rpartition("@")
    if any(mark in login for mark in "/?#@"):
        raise ValueError("must have / ? # and @ of its password percent-encoded (%2F %3F %23 %40)")
    place, question, options = place.partition("?")
    hosts, _, path = place.partition("/")
    query = f"{question}{options}"
    if topology == "cluster":
        if path.strip("/") not in {"", "0"}:
            raise ValueError("must name no database but 0: a Redis Cluster has no other")
        return RedisUrl(
            url, topology, server_scheme, f"{login}{at}", _hosts(hosts, CLUSTER_PORT), query=query
        )
    service, _, db = path.strip("/").partition("/")
    if not _SERVICE.fullmatch(service) or not (db.isdecimal() or not db):
        raise ValueError(
            f"must be like {scheme}://host:26379,host:26379/name/0, where name is the sentinels' "
            "word for the master"
        )
    return RedisUrl(
        url,
        topology,
        server_scheme,
        f"{login}{at}",
        _hosts(hosts, SENTINEL_PORT),
        service,
        int(db or 0),
        query,
    )


def mask(url: str) -> str:
    """`url` with `***` for each password in it."""
    return _SECRET_OPTION.sub("***", _LOGIN.sub(r"\1:***", url))


def _check_server(url: str, scheme: str) -> None:
    path = urlsplit(url).path.strip("/")
    if scheme == "unix" and not path:
        raise ValueError("must name the socket: unix:///path/to/socket")
    if scheme != "unix" and not (_names_a_host(url) and (path.isdecimal() or not path)):
        raise ValueError(f"must be like {scheme}://host:6379/0")


def _names_a_host(url: str) -> bool:
    parts = urlsplit(url)
    try:
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is no number, or too large
        return False


def _hosts(text: str, default_port: int) -> tuple[tuple[str, int], ...]:
    """The hosts of a list; an entry that is none is named by its place, it may be a password."""
    hosts = []
    for number, entry in enumerate(text.split(","), start=1):
        match = _HOST.fullmatch(entry.strip())
        port = int(match[2] or default_port) if match else 0
        if match is None or not 0 < port <= _MAX_PORT:
            raise ValueError(
                f"must list its hosts as host:{default_port},host:{default_port}; "
                f"number {number} of the list is not one"
            )
        hosts.append((match[1].strip("[]"), port))
    return tuple(hosts)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
