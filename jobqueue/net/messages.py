"""HTTP/1.1 as a proxy speaks it: heads of requests and answers, read strictly.

Source: RFC 9112. What two programs could read in two ways is refused.
"""

import re
from collections.abc import Iterable

import msgspec

MAX_HEAD = 64 * 1024
"""Bytes of the first line and the headers: browsers send 8 KiB at most, cookies included."""

Headers = tuple[tuple[str, str], ...]

_REQUEST = re.compile(r"(?P<method>[A-Z]{1,20}) (?P<target>[!-~]+) HTTP/1\.[01]", re.ASCII)
_STATUS = re.compile(r"HTTP/1\.[01] (?P<status>[1-9][0-9]{2})(?: .*)?")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[^\[\]:@/?#\\%]+)(?::(?P<port>[0-9]{1,5}))?")
_ABSOLUTE = re.compile(r"http://(?P<authority>[^/?#]*)(?P<rest>[/?].*)?", re.IGNORECASE)
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "te", "trailer", "upgrade", "host", "expect"}
    | {"proxy-connection", "proxy-authorization", "proxy-authenticate", "proxy-status"}
)
_HTTP_PORT = 80
_MAX_PORT = 65535
_NO_BODY = {"0", ""}


class Malformed(Exception):
    """What arrived is not HTTP as a proxy takes it."""


class Request(msgspec.Struct, frozen=True):
    """The head of a request to a proxy.

    Attributes:
        host: as it was written.
        path: path and query at that host; empty for a tunnel.
        body: bytes that follow the head.
    """

    method: str
    host: str
    port: int
    path: str
    headers: Headers
    body: int = 0

    @property
    def is_tunnel(self) -> bool:
        """Whether it asks for a connection, and not for a document."""
        return self.method == "CONNECT"

    @property
    def url(self) -> str:
        """What is asked for, without its query."""
        authority = self.host if self.port == _HTTP_PORT else f"{self.host}:{self.port}"
        if self.is_tunnel:
            return f"{self.host}:{self.port}"
        return f"http://{authority}{self.path.partition('?')[0]}"

    def head(self) -> bytes:
        """The head as it is sent on to the host, which is asked for nothing more after it."""
        authority = self.host if self.port == _HTTP_PORT else f"{self.host}:{self.port}"
        headers = [("Host", authority), *_end_to_end(self.headers), ("Connection", "close")]
        return _encode(f"{self.method} {self.path} HTTP/1.1", headers)


class Answer(msgspec.Struct, frozen=True):
    """The head of an answer."""

    first_line: str
    status: int
    headers: Headers

    def head(self) -> bytes:
        """The head as it is sent on to the client, which is told to ask elsewhere next."""
        return _encode(self.first_line, [*_end_to_end(self.headers), ("Connection", "close")])


def parse_request(head: bytes) -> Request:
    """The request of a head.

    Raises:
        Malformed: it is none that a proxy takes.
    """
    first_line, headers = _split(head)
    match = _REQUEST.fullmatch(first_line)
    if match is None:
        raise Malformed("the first line is not that of a request")
    method, target = match["method"], match["target"]
    if method == "CONNECT":
        host, port = _split_authority(target, None)
        return Request(method, host, port, "", headers)
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise Malformed("a proxy takes http:// addresses and tunnels only")
    host, port = _split_authority(absolute["authority"], _HTTP_PORT)
    rest = absolute["rest"] or "/"
    path = rest if rest.startswith("/") else f"/{rest}"
    return Request(method, host, port, path.partition("#")[0], headers, _body_length(headers))


def parse_answer(head: bytes) -> Answer:
    """The answer of a head.

    Raises:
        Malformed: it is none.
    """
    first_line, headers = _split(head)
    match = _STATUS.fullmatch(first_line)
    if match is None:
        raise Malformed("the first line is not that of an answer")
    return Answer(first_line, int(match["status"]), headers)


def refusal(status: str, error: str) -> bytes:
    """An answer of the proxy itself, which no server can give in its place.

    Args:
        status: e.g. `403 Forbidden`.
        error: a word of RFC 9209.
    """
    mark = ("Proxy-Status", f"jobqueue; error={error}")
    return answer_head(status, [("Content-Length", "0"), mark])


def answer_head(status: str, headers: Iterable[tuple[str, str]]) -> bytes:
    """The head of an answer of the proxy itself, e.g. of status `403 Forbidden`."""
    return _encode(f"HTTP/1.1 {status}", [*headers, ("Connection", "close")])


def _split(head: bytes) -> tuple[str, Headers]:
    first_line, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _NAME.fullmatch(name) or any(c in value for c in "\r\n\0"):
            raise Malformed("a line of the head is no header")
        headers.append((name, value.strip(" \t")))
    return first_line, tuple(headers)


def _split_authority(text: str, default_port: int | None) -> tuple[str, int]:
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        raise Malformed("the address names no host that can be asked")
    port = int(match["port"]) if match["port"] else default_port
    if port is None or not 0 < port <= _MAX_PORT:
        raise Malformed("the address has no port that can be asked")
    return match["host"], port


def _body_length(headers: Headers) -> int:
    """Bytes of a request's body; browsers always say how many."""
    if any(name.lower() == "transfer-encoding" for name, _ in headers):
        raise Malformed("a body of unknown length is not sent on")
    lengths = {value for name, value in headers if name.lower() == "content-length"}
    if lengths <= _NO_BODY:
        return 0
    (length, *others) = lengths
    if others or not (length.isascii() and length.isdecimal()):
        raise Malformed("the length of the body is not clear")
    return int(length)


def _end_to_end(headers: Headers) -> list[tuple[str, str]]:
    """The headers that are meant for the other end."""
    named = {
        name.strip().lower()
        for header, value in headers
        if header.lower() == "connection"
        for name in value.split(",")
    } - {"content-length", "transfer-encoding"}
    return [
        (name, value)
        for name, value in headers
        if name.lower() not in _HOP_BY_HOP and name.lower() not in named
    ]


def _encode(first_line: str, headers: Iterable[tuple[str, str]]) -> bytes:
    lines = [first_line, *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1")
