"""Reading HTTP strictly: what could be read in two ways is refused."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.net.messages import Malformed, parse_answer, parse_request


def head(*lines: str) -> bytes:
    """The head of these lines."""
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def test_a_request_is_sent_on_to_the_host_that_was_vetted() -> None:
    """Whatever the client's own Host header says, and without what concerns only the proxy."""
    request = parse_request(
        head(
            "GET http://Example.com:8080/a?b=c HTTP/1.1",
            "Host: internal.corp",
            "Proxy-Authorization: Basic c2VjcmV0",
            "Proxy-Connection: keep-alive",
            "Connection: x-hop, content-length",
            "X-Hop: 1",
            "Upgrade: h2c",
            "Accept: */*",
        )
    )
    assert (request.host, request.port, request.path) == ("Example.com", 8080, "/a?b=c")
    assert request.head() == head(
        "GET /a?b=c HTTP/1.1", "Host: Example.com:8080", "Accept: */*", "Connection: close"
    )
    assert request.url == "http://Example.com:8080/a"


def test_tunnels_and_bare_hosts_are_read() -> None:
    """CONNECT with a port, a host without a path, an address in brackets."""
    tunnel = parse_request(head("CONNECT [::1]:443 HTTP/1.1"))
    assert (tunnel.is_tunnel, tunnel.host, tunnel.port) == (True, "[::1]", 443)
    assert parse_request(head("GET http://a HTTP/1.1")).path == "/"
    assert parse_request(head("GET http://a?q HTTP/1.1")).path == "/?q"
    assert parse_request(head("POST http://a/ HTTP/1.1", "Content-Length: 5")).body == 5


@pytest.mark.parametrize(
    "lines",
    [
        ("GET / HTTP/1.1", "Host: a"),
        ("GET https://a/ HTTP/1.1",),
        ("GET ftp://a/ HTTP/1.1",),
        ("GET http://user:secret@a/ HTTP/1.1",),
        ("GET http://a\\b/ HTTP/1.1",),
        ("GET http://a%2eb/ HTTP/1.1",),
        ("GET http:///x HTTP/1.1",),
        ("GET http://a:0/ HTTP/1.1",),
        ("GET http://a:99999/ HTTP/1.1",),
        ("CONNECT a HTTP/1.1",),
        ("CONNECT a:443/x HTTP/1.1",),
        ("GET http://a/ HTTP/2",),
        ("GET  http://a/ HTTP/1.1",),
        ("GET http://a/ HTTP/1.1", "no header"),
        ("GET http://a/ HTTP/1.1", " folded: x"),
        ("GET http://a/ HTTP/1.1", "Name : x"),
        ("GET http://a/ HTTP/1.1", "Name: x\ny"),
        ("POST http://a/ HTTP/1.1", "Transfer-Encoding: chunked"),
        ("POST http://a/ HTTP/1.1", "Content-Length: 5", "Content-Length: 6"),
        ("POST http://a/ HTTP/1.1", "Content-Length: +5"),
        ("",),
    ],
)
def test_what_is_not_clear_is_refused(lines: tuple[str, ...]) -> None:
    """No request goes on of which two programs could think differently."""
    with pytest.raises(Malformed):
        parse_request(head(*lines))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_malformed(content: bytes) -> None:
    """Nothing that arrives breaks the proxy."""
    for parse in (parse_request, parse_answer):
        with contextlib.suppress(Malformed):
            parse(content)
