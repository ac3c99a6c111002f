"""What a document can reach: not the network, not the disk, not the documents around it."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from jobqueue.errors import Unrecoverable
from jobqueue.render.options import RenderOptions
from jobqueue.render.pool import RenderPool
from jobqueue.settings import LimitSettings, RenderSettings

from .helpers import page_texts, soon, without_dates

pytestmark = pytest.mark.browser

VICTIM = """<!doctype html><title>second</title>
<style>h1:lang(tr) { color: green } h1 { color: red; background: Canvas }</style>
<h1>second</h1><p style='text-transform: uppercase'>istanbul</p><a href='relative'>link</a>
<img alt='' src='data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=='>"""

CANARY = (
    "iVBORw0KGgoAAAANSUhEUgAAACUAAAApCAIAAAA9PncvAAAAK0lEQVR42u3N"
    "sQ0AAAjAoP7/tF6hEwk7TX3K5/P5fD6fz+fz+Xw+n893agGGAudf81iKgwAAAABJRU5ErkJggg=="
)
"""A PNG of 37 by 41 pixels, a size that no other image here has."""

CULPRITS = [
    "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'\">",
    "<noscript><meta http-equiv='Content-Security-Policy' content=\"img-src 'none'\"></noscript>",
    "<meta http-equiv=content-language content=tr>",
    "<meta http-equiv=refresh content='1;url=http://127.0.0.1:9/'>",
    "<meta http-equiv=refresh content='0;url=about:blank'>",
    "<meta name=color-scheme content=dark>",
    "<meta name=viewport content='width=300,initial-scale=3'>",
    "<base href='http://evil.example/'>",
    "<style>@page { size: A6; margin: 0; @bottom-left { content: 'leak' } }</style>x",
    "<style>:root { color-scheme: dark; writing-mode: vertical-rl }</style>x",
    "<style>@font-face { font-family: serif; src: local('DejaVu Sans Mono') }</style>x",
    "<style>@property --x { syntax: '<color>'; inherits: true; initial-value: red }</style>x",
    "<iframe srcdoc='<meta http-equiv=refresh content=1>'></iframe>",
    "<frameset cols='50%,50%'><frame src='about:blank'></frameset>",
    "<img src='http://127.0.0.1:9/x.png'><link rel=prefetch href='http://127.0.0.1:9/y'>",
    "<dialog open>x</dialog><input autofocus><div style='height: 90000px'>",
    "<html lang=de dir=rtl manifest=x><body style='zoom: 3'><plaintext>",
    "<script>unclosed",
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def one_page() -> AsyncIterator[RenderPool]:
    """A pool of a single page, which must print one document after another."""
    pool = RenderPool(RenderSettings(slots=1), LimitSettings())
    await pool.start()
    yield pool
    await pool.close()


async def render(pool: RenderPool, html: str, options: RenderOptions | None = None) -> bytes:
    """The bytes of a document."""
    return (await pool.render(html, options or RenderOptions(), deadline=soon())).data


@pytest.mark.parametrize("culprit", CULPRITS)
async def test_nothing_of_a_document_reaches_the_next(one_page: RenderPool, culprit: str) -> None:
    """Policies, languages, bases, redirects and styles of a document end with it."""
    clean = without_dates(await render(one_page, VICTIM))
    with contextlib.suppress(Unrecoverable):  # one that leads away may be refused
        await render(one_page, culprit)
    end = soon(1.5 if "content='1;" in culprit else 0)
    while True:
        second = await one_page.render(VICTIM, RenderOptions(), deadline=soon())
        assert without_dates(second.data) == clean
        assert second.warnings == ()
        if asyncio.get_running_loop().time() >= end:
            break


def vectors(address: str) -> str:
    """Everything in HTML and CSS that fetches `address` without a script."""
    return f"""
    <link rel=stylesheet href='{address}/link.css'><link rel=preload as=image href='{address}/pre'>
    <link rel=prefetch href='{address}/fetch'><link rel=preconnect href='{address}'>
    <link rel=dns-prefetch href='{address}'><link rel=icon href='{address}/icon'>
    <link rel=manifest href='{address}/manifest'><link rel=modulepreload href='{address}/m.js'>
    <style>@import '{address}/import.css'; @font-face {{ font-family: f; src: url({address}/f) }}
    p {{ font-family: f; background: url({address}/background); cursor: url({address}/c), auto }}
    li {{ list-style-image: url({address}/li) }} p::after {{ content: url({address}/after) }}
    </style><p>text<li>item
    <img src='{address}/img'><img srcset='{address}/set 2x'><picture><source srcset='{address}/p'>
    <img></picture><input type=image src='{address}/input'><video src='{address}/video'
    poster='{address}/poster' autoplay></video><audio src='{address}/audio' autoplay></audio>
    <iframe src='{address}/iframe.html'></iframe><iframe srcdoc="<img src='{address}/doc'>">
    </iframe><object data='{address}/object.html'></object><embed src='{address}/embed.html'>
    <svg><image href='{address}/svg'/><use href='{address}/use.svg#a'/></svg>
    <table background='{address}/table'></table><script src='{address}/script'></script>
    <form action='{address}/form'></form><a href='{address}/a' ping='{address}/ping'>a</a>
    <script type=speculationrules>{{"prefetch": [{{"urls": ["{address}/spec"]}}]}}</script>"""


async def test_no_document_reaches_the_network(one_page: RenderPool) -> None:
    """No way of HTML, CSS or redirect connects to a server of this machine."""
    visits: list[bytes] = []

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.append(await reader.read(100))
        writer.close()

    server = await asyncio.start_server(visit, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        hosts = ("127.0.0.1", "localhost", "0.0.0.0", "2130706433", "[::ffff:127.0.0.1]")  # noqa: S104 - an address to be tried
        for host in hosts:
            address = f"http://{host}:{port}"
            pdf = await one_page.render(vectors(address), RenderOptions(), deadline=soon())
            assert any("documents have no network" in warning for warning in pdf.warnings)
            refresh = f"<meta http-equiv=refresh content='0;url={address}/refresh'>"
            with contextlib.suppress(Unrecoverable):  # printed, or refused as it leads away
                await render(one_page, refresh)
        assert visits == []
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"proof")
        await writer.drain()
        await reader.read()
        writer.close()
        assert visits == [b"proof"]


async def test_no_document_reads_a_file(one_page: RenderPool, tmp_path: Path) -> None:
    """No file of this machine is shown, styled with or embedded."""
    text = "CANARY-4711"
    for name in ("iframe.html", "object.html", "embed.html"):
        (tmp_path / name).write_text(text)
    for name in ("link.css", "import.css"):
        (tmp_path / name).write_text(f"p::before {{ content: '{text}' }}")
    (tmp_path / "img").write_bytes(base64.b64decode(CANARY))
    shown = await render(one_page, f"<p>{text}<img src='data:image/png;base64,{CANARY}'>")
    assert text in page_texts(shown)[0]
    assert b"/Width 37" in shown
    for scheme in ("file://", "FILE://", "file://localhost", "view-source:file://"):
        pdf = await render(one_page, vectors(f"{scheme}{tmp_path}"))
        assert text not in " ".join(page_texts(pdf))
        assert b"/Width 37" not in pdf
