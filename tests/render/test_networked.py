"""Pages that are loaded through a way out of their own: what they get, what goes where."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_address
from typing import Any

import pytest

from jobqueue.errors import Unrecoverable
from jobqueue.host_rules import Address
from jobqueue.net.egress import Egress
from jobqueue.net.ledger import EgressLimits
from jobqueue.net.vetting import Vetting
from jobqueue.render.failures import PageFailed, PageRefused, RenderTimeout
from jobqueue.render.networked import Visit
from jobqueue.render.options import RenderOptions
from jobqueue.render.pool import RenderPool
from jobqueue.render.rendered import Rendered

from .helpers import page_texts, soon

pytestmark = pytest.mark.browser

Pages = dict[str, tuple[str, str]]
"""Status line with further headers, and body, by path."""


class Server:
    """A web server of many names, and the heads of the requests that it got."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.heads: list[str] = []
        self.pages: Callable[[str], Pages] = lambda _: {}

    def url(self, host: str, path: str = "/") -> str:
        """Where a page is."""
        return f"http://{host}:{self.port}{path}"

    def asked(self, host: str, path: str) -> list[str]:
        """The heads of the requests for a path of a host."""
        return [
            head
            for head in self.heads
            if head.split(" ")[1].partition("?")[0] == path
            and f"\r\nhost: {host}:{self.port}" in head.lower()
        ]


@asynccontextmanager
async def serving(pages: Callable[[Server], Pages]) -> AsyncIterator[Server]:
    """A server that gives these pages under every name."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            found.heads.append(head)
            path = head.split(" ")[1].partition("?")[0]
            status, body = pages(found).get(path, ("404 Not Found", "nothing"))
            content = body.encode()
            first = f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\n"
            kind = "text/css" if path.endswith(".css") else "text/html"
            writer.write(f"{first}Content-Type: {kind}\r\n\r\n".encode() + content)
            await writer.drain()
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    found = Server(server.sockets[0].getsockname()[1])
    async with server:
        yield found


async def at_home(_name: str, _port: int) -> list[Address]:
    """Every name is this machine."""
    return [ip_address("127.0.0.1")]


def way_out(server: Server, *names: str, **limits: Any) -> Egress:
    """A way to these names of a server."""
    rules = [f"{name}:{server.port}" for name in names]
    vetting = Vetting([*rules, f"127.0.0.1:{server.port}"], at_home)
    return Egress(vetting, EgressLimits(**limits))


async def visit(
    pool: RenderPool, egress: Egress, url: str, *, seconds: float = 60, **options: Any
) -> Rendered:
    """The document of a page."""
    async with egress.session(network=True) as session:
        page = Visit(url, RenderOptions.model_validate(options), session.serve)
        return await pool.visit(page, deadline=soon(seconds))


async def test_a_page_is_printed_with_what_it_refers_to(pool: RenderPool) -> None:
    """Relative addresses resolve, other allowed hosts are asked, redirects are followed."""

    def pages(server: Server) -> Pages:
        link = f"<link rel=stylesheet href='{server.url('b.test', '/b.css')}'>"
        return {
            "/": ("302 Found\r\nLocation: /report/", ""),
            "/report/": ("200 OK", f"<title>A / B</title><link rel=stylesheet href=a.css>{link}x"),
            "/report/a.css": ("200 OK", "body::after { content: ' styled' }"),
            "/b.css": ("200 OK", "body::before { content: 'from elsewhere ' }"),
        }

    async with serving(pages) as server:
        egress = way_out(server, "a.test", "b.test")
        pdf = await visit(pool, egress, server.url("a.test"))
        assert page_texts(pdf.data) == ["from elsewhere x styled"]
        assert (pdf.title, pdf.pages) == ("A / B", 1)


async def test_cookies_and_headers_go_to_the_own_origin_only(pool: RenderPool) -> None:
    """No third party, subdomain, other port or redirect target gets what is meant for the page."""

    def pages(server: Server) -> Pages:
        addresses = [
            *("/own.css", server.url("b.test", "/third.css"), server.url("sub.a.test", "/sub.css")),
            *("/away.css", server.url("b.test", "/back.css")),
        ]
        links = "".join(f"<link rel=stylesheet href='{each}'>" for each in addresses)
        return {
            "/": ("200 OK", links),
            "/own.css": ("200 OK", ""),
            "/third.css": ("200 OK", ""),
            "/sub.css": ("200 OK", ""),
            "/away.css": (f"302 Found\r\nLocation: {server.url('b.test', '/target.css')}", ""),
            "/back.css": (f"302 Found\r\nLocation: {server.url('a.test', '/home.css')}", ""),
            "/target.css": ("200 OK", ""),
            "/home.css": ("200 OK", ""),
        }

    async with serving(pages) as server:
        egress = way_out(server, "a.test", "b.test", "sub.a.test")
        await visit(
            pool,
            egress,
            server.url("a.test"),
            cookies=[{"name": "session", "value": "C00KIE"}],
            extra_headers={"Authorization": "Bearer S3CRET", "X-Trace": "TR4CE"},
            user_agent="jobqueue-test/1",
        )
        for path in ("/", "/own.css", "/away.css"):
            (head,) = server.asked("a.test", path)
            assert all(secret in head for secret in ("session=C00KIE", "Bearer S3CRET", "TR4CE"))
        assert "S3CRET" in server.asked("a.test", "/home.css")[0]
        elsewhere = [
            *server.asked("b.test", "/third.css"),
            *server.asked("sub.a.test", "/sub.css"),
            *server.asked("b.test", "/target.css"),
            *server.asked("b.test", "/back.css"),
        ]
        assert len(elsewhere) == 4
        for head in elsewhere:
            assert not any(secret in head for secret in ("C00KIE", "S3CRET", "TR4CE")), head
        assert all("User-Agent: jobqueue-test/1" in head for head in server.heads)


async def test_nothing_of_a_page_reaches_the_next(pool: RenderPool) -> None:
    """Cookies that a page sets are gone with it."""

    def pages(_: Server) -> Pages:
        return {"/": ("200 OK\r\nSet-Cookie: left=behind", "x")}

    async with serving(pages) as server:
        for _ in range(2):
            await visit(pool, way_out(server, "a.test"), server.url("a.test"))
        assert len(server.heads) == 2
        assert "behind" not in "".join(server.heads)


@pytest.mark.parametrize("status", ["404 Not Found", "500 Oops", "403 Forbidden"])
async def test_an_error_page_is_not_a_report(pool: RenderPool, status: str) -> None:
    """A page that answers with an error fails at once, unless its status is said not to matter."""

    def pages(_: Server) -> Pages:
        return {"/": (status, "an error page")}

    async with serving(pages) as server:
        egress = way_out(server, "a.test")
        with pytest.raises(PageRefused, match=rf"answered {status[:3]}") as caught:
            await visit(pool, egress, server.url("a.test", "/?token=1"))
        assert caught.value.code == "page_status"
        assert "token" not in str(caught.value)
        pdf = await visit(pool, egress, server.url("a.test"), fail_on_http_status=[])
        assert page_texts(pdf.data) == ["an error page"]


async def test_a_missing_resource_fails_the_job_only_when_asked(pool: RenderPool) -> None:
    """`fail_on_resource_http_status` names the resource."""

    def pages(_: Server) -> Pages:
        return {"/": ("200 OK", "<img src=/none.png>text")}

    async with serving(pages) as server:
        egress = way_out(server, "a.test")
        pdf = await visit(pool, egress, server.url("a.test"))
        assert page_texts(pdf.data) == ["text"]
        options: dict[str, Any] = {"fail_on_resource_http_status": [404, "5xx"]}
        with pytest.raises(PageRefused, match=r"none\.png answered 404") as caught:
            await visit(pool, egress, server.url("a.test"), **options)
        assert caught.value.code == "resource_status"


async def test_a_server_that_is_not_there_may_be_tried_again(pool: RenderPool) -> None:
    """A connection that is refused is no fault of the document."""
    async with serving(lambda _: {}) as server:
        egress = way_out(server, "a.test")
    with pytest.raises(PageFailed, match="was not loaded"):
        await visit(pool, egress, server.url("a.test"), fail_on_http_status=[])


async def test_a_redirect_loop_ends(pool: RenderPool) -> None:
    """It is the document's fault, and told as such."""

    def pages(_: Server) -> Pages:
        return {"/": ("302 Found\r\nLocation: /", "")}

    async with serving(pages) as server:
        with pytest.raises(Unrecoverable, match="TOO_MANY_REDIRECTS"):
            await visit(pool, way_out(server, "a.test"), server.url("a.test"))


async def test_a_download_is_no_page(pool: RenderPool) -> None:
    """A file to save is refused, clearly."""

    def pages(_: Server) -> Pages:
        return {"/": ("200 OK\r\nContent-Disposition: attachment; filename=a.zip", "PK")}

    async with serving(pages) as server:
        with pytest.raises(PageRefused) as caught:
            await visit(pool, way_out(server, "a.test"), server.url("a.test"))
        assert caught.value.code == "page_invalid"


async def test_scripts_do_not_run(pool: RenderPool) -> None:
    """JavaScript is off unless it is asked for."""

    def pages(_: Server) -> Pages:
        return {"/": ("200 OK", "<script>document.write('ran')</script><noscript>quiet</noscript>")}

    async with serving(pages) as server:
        pdf = await visit(pool, way_out(server, "a.test"), server.url("a.test"))
        assert page_texts(pdf.data) == ["quiet"]


async def test_scripts_and_waits_work_as_they_do_without_a_network(pool: RenderPool) -> None:
    """A page of the network has all options of a live page: here scripts that load something."""

    def pages(_: Server) -> Pages:
        script = "fetch('/data').then(a => a.text()).then(text => { done.textContent = text })"
        page = f"<p id=done></p><script>setTimeout(() => {{ {script} }}, 100)</script>"
        return {"/": ("200 OK", page), "/data": ("200 OK", "from the network")}

    async with serving(pages) as server:
        pdf = await visit(
            pool,
            way_out(server, "a.test"),
            server.url("a.test"),
            javascript=True,
            wait_expression="done.textContent",
        )
        assert page_texts(pdf.data) == ["from the network"]


async def test_a_page_becomes_a_picture(pool: RenderPool) -> None:
    """`output` is as for other documents; the picture is as high as the page is."""

    def pages(_: Server) -> Pages:
        return {"/": ("200 OK", "<body style='margin:0'><p style='height:1500px'>high")}

    async with serving(pages) as server:
        options: dict[str, Any] = {"output": "png", "full_page": True, "viewport_width": 400}
        picture = await visit(pool, way_out(server, "a.test"), server.url("a.test"), **options)
        assert (picture.pages, picture.data[:4]) == (None, b"\x89PNG")
        width, height = (int.from_bytes(picture.data[at : at + 4]) for at in (16, 20))
        assert (width, height > 1500) == (400, True)


async def test_a_page_may_lead_to_another(pool: RenderPool) -> None:
    """A page that goes on by a script is printed where it arrives."""

    def pages(_: Server) -> Pages:
        return {
            "/": ("200 OK", "first<script>location = '/second'</script>"),
            "/second": ("200 OK", "<p id=second>arrived"),
        }

    async with serving(pages) as server:
        options: dict[str, Any] = {"javascript": True, "wait_selector": "#second"}
        pdf = await visit(pool, way_out(server, "a.test"), server.url("a.test"), **options)
        assert page_texts(pdf.data) == ["arrived"]


@pytest.mark.parametrize("javascript", [True, False])
async def test_a_page_that_is_late_ends_in_time(pool: RenderPool, *, javascript: bool) -> None:
    """A resource that drips ends its job within two seconds of its time, with a picture."""

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = b"<p>there<img src=/drip.png>"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + body)
        with suppress(OSError):
            while True:
                await writer.drain()
                await asyncio.sleep(0.1)
                writer.write(b" ")

    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        found = Server(server.sockets[0].getsockname()[1])
        loop = asyncio.get_running_loop()
        begin = loop.time()
        with pytest.raises(RenderTimeout) as caught:
            await visit(
                pool,
                way_out(found, "a.test"),
                found.url("a.test"),
                seconds=2,
                javascript=javascript,
            )
        assert loop.time() - begin < 4
        assert caught.value.picture is not None


async def test_a_failed_resource_fails_the_job_when_asked(pool: RenderPool) -> None:
    """`fail_on_resource_failure` counts what the way out refuses, too."""

    def pages(_: Server) -> Pages:
        return {"/": ("200 OK", "<img src=http://not-allowed.test/a.png>text")}

    async with serving(pages) as server:
        egress = way_out(server, "a.test")
        assert (await visit(pool, egress, server.url("a.test"))).pages == 1
        with pytest.raises(Unrecoverable, match=r"not-allowed\.test/a\.png") as caught:
            await visit(pool, egress, server.url("a.test"), fail_on_resource_failure=True)
        assert caught.value.code == "resource_failed"


async def test_the_way_out_stands_in_the_browsers_own_network(pool: RenderPool) -> None:
    """Where the browser has a network of its own, nobody else can reach a page's proxy."""
    if not pool.isolation.jail.network:
        pytest.skip("the browser shares this machine's network: run as root, with util-linux")
    ports: list[int] = []

    async with (
        serving(lambda _: {"/": ("200 OK", "x")}) as server,
        way_out(server, "a.test").session(network=True) as session,
    ):

        async def serve(listener: socket.socket) -> None:
            await session.serve(listener)
            ports.append(listener.getsockname()[1])
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", ports[0])

        page = Visit(server.url("a.test"), RenderOptions(), serve)
        assert page_texts((await pool.visit(page, deadline=soon())).data) == ["x"]
    assert len(ports) == 1
