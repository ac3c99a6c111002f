"""Reports of bundles and URLs, from request to stored document."""

import asyncio
import base64
import io
import zipfile
from collections.abc import AsyncIterator
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

import pytest
import pytest_asyncio

from jobqueue.errors import InvalidRequest, Unrecoverable
from jobqueue.host_rules import Address
from jobqueue.jobs.bundle_uploads import keep_bundle
from jobqueue.jobs.report_generation import ReportResult
from jobqueue.jobs.report_request import ReportParser
from jobqueue.net.ledger import EgressLimits
from jobqueue.net.vetting import Vetting
from jobqueue.render.failures import PageFailed
from jobqueue.render.pool import RenderPool
from jobqueue.settings import LimitSettings
from jobqueue.storage.base import Storage
from tests.jobs.harness import TEMPLATES, Attempt, stored
from tests.render.helpers import page_texts

pytestmark = pytest.mark.browser

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQ"
    "VR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
FILES = {
    "index.html": "<!doctype html><title>Q3</title><link rel=stylesheet href=css/a.css>"
    "<img src=logo.png alt=missing-logo><img src=none.png><p>text",
    "css/a.css": "@import 'b.css'; p::after { content: ' styled' }",
    "css/b.css": "p::before { content: 'imported ' }",
    "logo.png": {"base64": PIXEL},
}


class Web:
    """A web server: an allowed one, and what it was asked."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer by path."""
        with suppress(OSError, EOFError):
            first = await reader.readexactly(1)
            if first == b"\x16":  # TLS, which it does not speak
                writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                raise ConnectionError
            path = (first + await reader.readuntil(b"\r\n\r\n")).decode().split(" ")[1]
            self.asked.append(path)
            if path == "/endless":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>")
                while True:
                    writer.write(b"x" * 65536)
                    await writer.drain()
            elif path == "/away":
                writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\n\r\n")
            else:
                body = b"<title>A page</title>from the web"
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n"
                writer.write(f"{head}Content-Type: text/html\r\n\r\n".encode() + body)
        writer.close()


@pytest_asyncio.fixture
async def web() -> AsyncIterator[Web]:
    """A web server, `web.test`."""
    found = Web(0)
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    async with server:
        found.port = server.sockets[0].getsockname()[1]
        yield found


class Attempts:
    """Attempts at pages of a web server, which may load what it has."""

    def __init__(self, renderer: RenderPool, storage: Storage, vetting: Vetting) -> None:
        self.storage = storage
        self._attempt = Attempt(
            renderer, storage, vetting=vetting, limits=EgressLimits(size=2_000_000)
        )
        self.log = self._attempt.log
        self.result = self._attempt.run

    async def run(self, payload: Any) -> tuple[ReportResult, list[str]]:
        """The result of one attempt at `payload`, and the texts of its pages."""
        result = await self.result(payload)
        return result, page_texts(await stored(self.storage, result.key))


async def at_home(_name: str, _port: int) -> list[Address]:
    """Every name is this machine."""
    return [ip_address("127.0.0.1")]


@pytest.fixture
def attempts(renderer: RenderPool, storage: Storage, web: Web) -> Attempts:
    """Attempts to be run."""
    vetting = Vetting([f"web.test:{web.port}", f"127.0.0.1:{web.port}"], at_home)
    return Attempts(renderer, storage, vetting)


async def test_a_bundle_is_printed_with_its_files(attempts: Attempts) -> None:
    """Styles, imports and images by relative paths; what is missing is a warning and in the log."""
    result, texts = await attempts.run({"bundle": {"files": FILES}})
    assert texts == ["imported text styled"]
    assert result.filename == "Q3.pdf"
    assert result.warnings == ("not loaded: none.png (there is no such file in the bundle)",)
    assert attempts.log == [
        "network: GET none.png: missing, there is no such file in the bundle",
    ]


async def test_an_uploaded_bundle_is_printed(attempts: Attempts) -> None:
    """The archive is stored once, and named by its key."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path, file in FILES.items():
            archive.writestr(path, file if isinstance(file, str) else base64.b64decode(PIXEL))
    upload, count = await keep_bundle(attempts.storage, content.getvalue())
    assert count == len(FILES)
    _, texts = await attempts.run({"bundle": {"key": upload.key}})
    assert texts == ["imported text styled"]
    await attempts.storage.delete([upload.key])
    with pytest.raises(Unrecoverable, match="kept for 7 days") as caught:
        await attempts.run({"bundle": {"key": upload.key}})
    assert caught.value.code == "bundle_gone"


async def test_a_document_has_the_network_only_when_it_asks(attempts: Attempts, web: Web) -> None:
    """`network` is off by default, also for a bundle, and then reaches allowed hosts only."""
    html = (
        f"<iframe src='http://web.test:{web.port}/frame'></iframe>"
        f"<img src='http://localhost:{web.port}/x'>"
    )
    for payload in ({"html": html}, {"bundle": {"files": {"index.html": html}}}):
        _, texts = await attempts.run(payload)
        assert "from the web" not in texts[0]
    assert web.asked == []
    result, texts = await attempts.run({"html": html, "options": {"network": True}})
    assert "from the web" in texts[0]
    assert web.asked == ["/frame"]
    assert len(result.warnings) == 1
    assert "not in render.allow_hosts" in result.warnings[0]


async def test_a_url_is_printed(attempts: Attempts, web: Web) -> None:
    """A page of an allowed host, named by its title, and what it asked for is in the log."""
    result, texts = await attempts.run({"url": f"http://web.test:{web.port}/page?token=secret"})
    assert (texts, result.filename) == (["from the web"], "A page.pdf")
    assert any(f"GET http://web.test:{web.port}/page: " in line for line in attempts.log)
    assert "secret" not in "".join(attempts.log)


async def test_https_is_a_tunnel_and_a_bad_one_ends_the_job(attempts: Attempts, web: Web) -> None:
    """A server that does not speak TLS is the document's fault, and its tunnel is in the log."""
    with pytest.raises(Unrecoverable, match="ERR_SSL_PROTOCOL_ERROR") as caught:
        await attempts.run({"url": f"https://web.test:{web.port}/"})
    assert caught.value.code == "page_invalid"
    assert any(line.startswith(f"network: CONNECT web.test:{web.port}") for line in attempts.log)


@pytest.mark.parametrize(
    "url",
    [
        "http://other.test/",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://2130706433/",
        "ftp://a/",
        "file:///etc/passwd",
        "http://web.test@127.0.0.1/",
        "http://web.test/\\",
        "view-source:x",
    ],
)
async def test_a_url_that_is_not_allowed_is_refused_at_submit(attempts: Attempts, url: str) -> None:
    """Before anything runs, at its field."""
    with pytest.raises(InvalidRequest) as caught:
        await attempts.run({"url": url})
    assert [error.path for error in caught.value.errors] == ["/url"]


async def test_a_page_that_leads_where_it_must_not_ends_the_job(
    attempts: Attempts, web: Web
) -> None:
    """The redirect is refused, and the error says where it led."""
    with pytest.raises(Unrecoverable, match=r"10\.0\.0\.1.*not in render\.allow_hosts") as caught:
        await attempts.run({"url": f"http://web.test:{web.port}/away"})
    assert caught.value.code == "host_refused"


async def test_an_endless_page_ends_the_job(attempts: Attempts, web: Web) -> None:
    """At its limit of bytes, with a clear error, long before its time."""
    with pytest.raises(Unrecoverable, match="more than 2000000 bytes") as caught:
        await attempts.run({"url": f"http://web.test:{web.port}/endless"})
    assert caught.value.code == "network_limit"


async def test_a_server_that_is_away_is_tried_again(renderer: RenderPool, storage: Storage) -> None:
    """A connection that fails is an ordinary failure of the attempt."""
    attempts = Attempts(renderer, storage, Vetting(["127.0.0.1"], at_home))
    with pytest.raises(PageFailed, match="no connection to port 80"):
        await attempts.run({"url": "http://127.0.0.1/"})


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        ({"bundle": {"files": {"a.html": ""}}}, "/bundle/files"),
        ({"bundle": {"files": {"index.html": 5}}}, "/bundle/files/index.html"),
        ({"bundle": {"files": {"../a": ""}}}, "/bundle/files/..~1a"),
        ({"bundle": {"files": {"a": {"base64": "?"}}}}, "/bundle/files/a"),
        ({"bundle": {"key": "reports/x.pdf"}}, "/bundle/key"),
        ({"bundle": []}, "/bundle"),
        ({"html": "x", "options": {"cookies": [{"name": "a", "value": "b"}]}}, "/options/cookies"),
        ({"html": "x", "options": {"extra_headers": {"Host": "a"}}}, "/options/extra_headers"),
        ({"html": "x", "options": {"extra_headers": {"A": "b\r\nc"}}}, "/options/extra_headers"),
        (
            {"html": "x", "options": {"fail_on_http_status": ["6xx"]}},
            "/options/fail_on_http_status",
        ),
    ],
)
async def test_wrong_sources_and_options_name_their_field(
    attempts: Attempts, payload: Any, path: str
) -> None:
    """Every mistake is found before a browser is touched."""
    with pytest.raises(InvalidRequest) as caught:
        await attempts.run(payload)
    assert [error.path for error in caught.value.errors] == [path]


async def test_html_with_a_network_has_its_limit_of_bytes(attempts: Attempts) -> None:
    """`limits.html` holds for documents that may load something, too."""
    html = "x" * (LimitSettings().html + 1)
    with pytest.raises(Unrecoverable, match=r"limits\.html") as caught:
        await attempts.run({"html": html, "options": {"network": True}})
    assert caught.value.code == "html_too_large"


async def test_parts_may_be_pages(attempts: Attempts, web: Web) -> None:
    """A bundle, a page and HTML become one document, each by its own way."""
    parts = [
        {"bundle": {"files": FILES}},
        {"html": "<p>plain"},
        {"url": f"http://web.test:{web.port}/"},
    ]
    result, texts = await attempts.run({"parts": parts})
    assert (result.pages, result.filename) == (3, "Q3.pdf")
    assert [text.split()[-1] for text in texts] == ["styled", "plain", "web"]


async def test_pages_are_finished_like_other_documents(attempts: Attempts, web: Web) -> None:
    """Metadata and marks go into the document of a page, too."""
    options = {"metadata": {"author": "Ada"}, "stamp": {"text": "DRAFT"}}
    result, texts = await attempts.run({"url": f"http://web.test:{web.port}/", "options": options})
    assert (result.pages, "DRAFT" in texts[0], "from the web" in texts[0]) == (1, True, True)


async def test_options_of_parts_are_checked_with_their_sources(attempts: Attempts) -> None:
    """What belongs to a URL is refused beside another source, by the part's own name."""
    cookies = {"cookies": [{"name": "a", "value": "b"}]}
    with pytest.raises(InvalidRequest) as caught:
        await attempts.run({"parts": [{"html": "x", "options": cookies}]})
    assert [each.path for each in caught.value.errors] == ["/parts/0/options/cookies"]


async def test_a_bundle_becomes_a_picture(attempts: Attempts) -> None:
    """`output` is as for other sources, and the file is named for it."""
    result = await attempts.result({"bundle": {"files": FILES}, "options": {"output": "webp"}})
    assert (result.filename, result.content_type) == ("Q3.webp", "image/webp")


def test_without_rules_there_is_no_network() -> None:
    """A document that asks for the network where there is none is told so, at once."""
    with pytest.raises(InvalidRequest) as caught:
        ReportParser(TEMPLATES)(b'{"html": "x", "options": {"network": true}}')
    assert caught.value.errors[0].path == "/options/network"
