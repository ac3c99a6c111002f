"""The proxy of a job: what it passes on, what it refuses, and where it stops."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address

import pytest
import uvloop

from jobqueue.host_rules import Address
from jobqueue.net.egress import Egress, EgressSession
from jobqueue.net.ledger import EgressLimits
from jobqueue.net.relay import Stream
from jobqueue.net.site import Site, SiteFile
from jobqueue.net.vetting import Vetting, resolve
from jobqueue.render.namespace import listen
from tests.support.wait import eventually

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Upstream:
    """A server, and the heads of the requests that it got."""

    def __init__(self, port: int, heads: list[bytes]) -> None:
        self.port = port
        self.heads = heads


@asynccontextmanager
async def upstream(body: Handler) -> AsyncIterator[Upstream]:
    """A server on loopback that answers every request with `body`."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            await body(reader, writer)
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield Upstream(server.sockets[0].getsockname()[1], heads)


async def hello(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A short answer."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nKeep-Alive: x\r\n\r\nhello")


async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An answer that never ends, as fast as it is taken."""
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


async def dripping(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An answer of one byte now and then."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


@asynccontextmanager
async def opened(
    egress: Egress, *, site: Site | None = None, network: bool = True
) -> AsyncIterator[EgressSession]:
    """A way out that answers at a port of this machine."""
    async with egress.session(site=site, network=network) as session:
        await session.serve(listen(None))
        yield session


def port_of(session: EgressSession) -> int:
    """Where it answers."""
    assert session._server is not None
    port: int = session._server.sockets[0].getsockname()[1]
    return port


async def ask(session: EgressSession, request: str) -> bytes:
    """All that the proxy answers to a request."""
    port = port_of(session)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request.encode())
    received = b""
    try:
        while content := await reader.read(65536):
            received += content
    except ConnectionError:
        received += b"<broken off>"
    writer.close()
    return received


def get(port: int, host: str = "127.0.0.1", path: str = "/") -> str:
    """A request as a browser sends it to a proxy."""
    return f"GET http://{host}:{port}{path} HTTP/1.1\r\nHost: {host}\r\n\r\n"


def allowing(port: int, **limits: float) -> Egress:
    """A way out to a server of this machine."""
    given = {"seconds": 5.0} | limits
    return Egress(Vetting([f"127.0.0.1:{port}"]), EgressLimits(**given))  # type: ignore[arg-type]


async def test_an_allowed_request_is_passed_on() -> None:
    """The answer comes back as it is, for one request a connection, and is on record."""
    async with upstream(hello) as server, opened(allowing(server.port)) as session:
        answer = await ask(session, get(server.port, path="/a?secret=1"))
        assert answer == (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
        assert b"GET /a?secret=1 HTTP/1.1\r\n" in server.heads[0]
        (entry,) = await eventually(lambda: session.ledger.entries)
        assert str(entry) == f"GET http://127.0.0.1:{server.port}/a: 5 bytes"


async def test_a_body_is_passed_on() -> None:
    """A form reaches its server whole."""
    bodies: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bodies.append(await reader.readexactly(100_000))
        await hello(reader, writer)

    async with upstream(take) as server, opened(allowing(server.port)) as session:
        request = get(server.port).replace("GET", "POST").removesuffix("\r\n")
        content = "x" * 100_000
        answer = await ask(session, f"{request}Content-Length: 100000\r\n\r\n{content}")
        assert answer.endswith(b"hello")
        assert bodies == [content.encode()]


async def test_a_tunnel_carries_both_ways() -> None:
    """HTTPS goes through as it is."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readexactly(4)).upper())

    async with upstream(echo) as server, opened(allowing(server.port)) as session:
        answer = await ask(
            session, f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n\r\nx\r\n\r\nping"
        )
        assert answer == b"HTTP/1.1 200 Connection established\r\n\r\nPING"


@pytest.mark.parametrize("network", [True, False])
async def test_what_is_not_allowed_is_refused(*, network: bool) -> None:
    """No connection is made, the page gets 403, and the record says why."""
    async with upstream(hello) as server:
        rules = ["example.com", "*"] if network else [f"127.0.0.1:{server.port}"]
        async with opened(Egress(Vetting(rules)), network=network) as session:
            for host in ("127.0.0.1", "0.0.0.0", "2130706433", "[::ffff:127.0.0.1]", "localhost"):  # noqa: S104 - an address to be tried
                for request in (
                    get(server.port, host),
                    f"CONNECT {host}:{server.port} HTTP/1.1\r\n\r\n",
                ):
                    assert (await ask(session, request)).startswith(b"HTTP/1.1 403 ")
            assert {entry.outcome for entry in session.ledger.entries} == {"refused"}
        assert server.heads == []


async def test_a_name_that_changes_its_address_is_dialled_where_it_was_checked() -> None:
    """DNS rebinding: each request is resolved once, and that answer is checked and used."""
    answers = [[ip_address("127.0.0.1")]]
    asked: list[str] = []

    async def rebinding(name: str, _: int) -> list[Address]:
        asked.append(name)
        return answers.pop(0) if answers else [ip_address("127.0.0.2")]

    async with upstream(hello) as server:
        vetting = Vetting([f"a.test:{server.port}", "127.0.0.1"], rebinding)
        async with opened(Egress(vetting)) as session:
            assert (await ask(session, get(server.port, "a.test"))).endswith(b"hello")
            assert asked == ["a.test"]
            assert (await ask(session, get(server.port, "a.test"))).startswith(b"HTTP/1.1 403 ")
            assert "127.0.0.2, which is loopback" in session.ledger.entries[1].note


async def test_an_endless_answer_ends_at_the_limit() -> None:
    """Bytes are counted over all requests, and what is over ends everything."""
    async with upstream(endless) as server:
        egress = allowing(server.port, size=1_000_000)
        async with opened(egress) as session:
            answers = await asyncio.gather(*(ask(session, get(server.port)) for _ in range(3)))
            assert sum(map(len, answers)) < 1_100_000
            assert session.ledger.exhausted == "it loaded more than 1000000 bytes"
            assert (await ask(session, get(server.port))).startswith(b"HTTP/1.1 403 ")
            assert {entry.outcome for entry in session.ledger.entries} == {"cut", "refused"}


async def test_a_drip_fed_answer_ends_with_its_time() -> None:
    """A server that never finishes holds a page up for so many seconds only."""
    async with upstream(dripping) as server:
        egress = allowing(server.port, seconds=0.3)
        async with opened(egress) as session:
            assert (await ask(session, get(server.port))).endswith(b"<broken off>")
            (entry,) = await eventually(lambda: session.ledger.entries)
            assert (entry.outcome, entry.note) == ("cut", "it took longer than 0.3 s")


async def test_requests_are_counted() -> None:
    """Redirects that go round in circles, and floods, end at a number."""
    async with upstream(hello) as server:
        egress = allowing(server.port, requests=3)
        async with opened(egress) as session:
            answers = [await ask(session, get(server.port)) for _ in range(5)]
            assert [answer[9:12] for answer in answers] == [b"200"] * 3 + [b"403"] * 2
            assert session.ledger.exhausted == "it asked for more than 3 addresses"


async def test_a_server_that_is_not_there_is_502() -> None:
    """What may be there later is told apart from what is forbidden."""
    async with upstream(hello) as server:
        port = server.port
    async with opened(allowing(port)) as session:
        assert (await ask(session, get(port))).startswith(b"HTTP/1.1 502 ")
        assert session.ledger.entries[0].outcome == "failed"
    async with opened(Egress(Vetting(["*"], resolve))) as session:
        assert (await ask(session, get(80, "no.invalid"))).startswith(b"HTTP/1.1 502 ")


async def test_files_of_a_job_are_served_to_its_own_page_only() -> None:
    """Each has a host of its own that nobody else can name, and that is never resolved."""
    files = {"index.html": SiteFile(b"<p>", "text/html"), "a/é.css": SiteFile(b"x", "text/css")}
    egress = Egress(Vetting(["*"]))
    async with (
        opened(egress, site=(site := Site(files)), network=False) as own,
        opened(egress, site=(other := Site({}))) as neighbour,
    ):
        assert site.host != other.host
        answer = await ask(own, get(80, site.host, "/?x"))
        assert answer.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n")
        assert answer.endswith(b"\r\n\r\n<p>")
        assert (await ask(own, get(80, site.host, "/a/%C3%A9.css"))).endswith(b"x")
        for path in ("/../index.html", "/%2e%2e/etc/passwd", "/a", "/a/", "/%FF", "//etc/passwd"):
            assert (await ask(own, get(80, site.host, path))).startswith(b"HTTP/1.1 404 ")
        answer = await ask(own, get(80, site.host).replace("GET", "POST"))
        assert answer.startswith(b"HTTP/1.1 405 ")
        answer = await ask(own, f"CONNECT {site.host}:443 HTTP/1.1\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 403 ")
        assert (await ask(neighbour, get(80, site.host))).startswith(b"HTTP/1.1 502 ")


async def test_a_page_that_leaves_ends_its_requests() -> None:
    """Nothing is loaded for nobody, and nothing is left running."""
    ended = asyncio.Event()

    async def watch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nx")
        await writer.drain()
        try:
            await reader.read()
        finally:
            ended.set()

    async with upstream(watch) as server, opened(allowing(server.port)) as session:
        port = port_of(session)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(get(server.port).encode())
        await reader.readuntil(b"x")
        writer.close()
        await eventually(ended.is_set)
        await eventually(lambda: not session._exchanges)


async def test_the_listener_ends_with_its_job() -> None:
    """Nobody can use a job's way out after it, and what was under way is broken off."""
    async with upstream(endless) as server:
        async with opened(allowing(server.port)) as session:
            port = port_of(session)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(get(server.port).encode())
            await reader.readexactly(100)
        with pytest.raises(OSError, match=r".+"):
            await asyncio.open_connection("127.0.0.1", port)
        writer.close()


@pytest.mark.parametrize("request_", ["nonsense\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"])
async def test_what_is_no_proxy_request_is_400(request_: str) -> None:
    """A program that takes the proxy for a server learns nothing."""
    async with opened(Egress(Vetting(["*"]))) as session:
        assert (await ask(session, request_)).startswith(b"HTTP/1.1 400 ")
        assert session.ledger.entries == []


def test_a_closed_connection_may_be_broken_off() -> None:
    """In the loop that the service runs on as well, which forgets the socket of a closed one."""

    async def close_and_break_off() -> None:
        async with upstream(hello) as server:
            stream = Stream(*await asyncio.open_connection("127.0.0.1", server.port))
            await stream.close()
            stream.abort()

    uvloop.run(close_and_break_off())
