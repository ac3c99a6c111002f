"""Chromium's own calls for loading and printing, beside Playwright's."""

import asyncio
import base64
import io
import os
import signal
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio
from playwright import async_api
from pypdf import PdfReader

from jobqueue.errors import Unrecoverable
from jobqueue.render.browser import Browser, ContextSettings
from jobqueue.render.chromium import STATIC_FLAGS, DeadProxy, find_chromium
from jobqueue.render.memory import MAX_RENDERER, resident
from jobqueue.render.omissions import is_plain
from jobqueue.render.options import RenderOptions
from jobqueue.render.page_count import count_pages
from jobqueue.render.printing import print_parameters
from jobqueue.render.tab import CHUNK, PdfStream, Tab
from jobqueue.render.templates import Templates
from jobqueue.settings import RenderSettings
from tests.support.playwright_pdf import pdf_arguments

from .helpers import invoices, page_texts, renderers, without_dates

pytestmark = pytest.mark.browser

MIB = 1024 * 1024
LIMIT = 64 * MIB
OPTIONS = RenderOptions()
FONT = Path("/usr/share/fonts/truetype/liberation/LiberationSerif-Italic.ttf")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A Chromium with the flags of the pool."""
    executable, proxy = find_chromium(RenderSettings()), DeadProxy()
    assert executable is not None
    browser = await Browser.launch(
        executable,
        flags=STATIC_FLAGS,
        sandbox=False,
        proxy_flag=proxy.flag,
        memory_limit=MAX_RENDERER,
    )
    yield browser
    await browser.close()
    proxy.close()


@pytest_asyncio.fixture
async def page(browser: Browser) -> AsyncIterator[async_api.Page]:
    """A page without JavaScript."""
    context = await browser.new_context(ContextSettings())
    yield await context.new_page()
    await context.close()


def main_process(browser: Browser) -> int:
    """Chromium's first process."""
    return browser._processes[0].pid


def noise(width: int, height: int) -> str:
    """A grey PNG of random pixels, which no compression makes smaller, as an address."""
    random = Random(width)
    rows = b"".join(b"\0" + random.randbytes(width) for _ in range(height))
    header = b"".join(side.to_bytes(4, "big") for side in (width, height)) + b"\x08\0\0\0\0"
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")
        for name, data in parts
    )
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def documents() -> list[str]:
    """One document of each kind of thing that has to be loaded or waited for."""
    pages = "".join(f"<p style='break-after: page'>sheet {n}</p>" for n in range(30))
    kinds = [
        pages,
        "<p>äöü 日本 <b>日本</b>",
        f"<img src='{noise(200, 100)}'>",
        f"<style>p {{ height: 3cm; background: url({noise(90, 90)}) }}</style><p>styled",
        f"<table background='{noise(80, 80)}'><tr><td>old style</table>",
        f"<iframe srcdoc=\"<img src='{noise(70, 70)}'>\"></iframe>",
        f"<svg><image href='{noise(60, 60)}' width=60 height=60 /></svg>",
    ]
    if FONT.exists():
        font = base64.b64encode(FONT.read_bytes()).decode()
        kinds.append(
            f"<style>@font-face {{ font-family: f; src: url(data:font/ttf;base64,{font}) }}"
            "p { font-family: f }</style><p>Agfi"
        )
    return kinds


async def assert_forgotten(tab: Tab, stream: PdfStream) -> None:
    """Fail unless Chromium knows the stream no more, and the tab waits for none."""
    await tab.all_fetched()
    with pytest.raises(async_api.Error, match="Invalid stream handle"):
        await tab.session.send("IO.read", {"handle": stream._handle})


@pytest.mark.parametrize("html", documents())
async def test_documents_are_those_of_playwright(page: async_api.Page, html: str) -> None:
    """Nothing is printed before it has loaded: every byte is that of the slower way."""
    tab = await Tab.of(page)
    await tab.load(html, waits=not is_plain(html))
    ours = await (await tab.print(print_parameters(OPTIONS))).fetch(LIMIT)
    await page.set_content(html)
    assert without_dates(ours) == without_dates(await page.pdf(**pdf_arguments(OPTIONS)))


async def test_a_large_document_is_fetched_in_pieces(page: async_api.Page) -> None:
    """It is whole, whatever its size; one over the limit is not fetched at all."""
    tab = await Tab.of(page)
    await tab.load(f"<img src='{noise(1500, 1500)}'>", waits=True)
    pdf = await (await tab.print({})).fetch(LIMIT)
    assert len(pdf) > 2 * CHUNK
    assert len(PdfReader(io.BytesIO(pdf), strict=True).pages) == count_pages(pdf)
    assert len(await (await tab.print({})).fetch(len(pdf))) == len(pdf)
    stream = await tab.print({})
    with pytest.raises(Unrecoverable, match=f"more than the {len(pdf) - 1} bytes"):
        await stream.fetch(len(pdf) - 1)
    await assert_forgotten(tab, stream)


async def test_a_document_that_is_not_fetched_in_time_is_forgotten(page: async_api.Page) -> None:
    """Chromium keeps nothing of it, though its page goes on."""
    tab = await Tab.of(page)
    await tab.load("x", waits=True)
    stream = await tab.print({})
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await stream.fetch(LIMIT)
    await assert_forgotten(tab, stream)


async def test_a_document_is_fetched_while_the_next_is_printed(
    browser: Browser, page: async_api.Page
) -> None:
    """Neither the next document nor its crash reaches one that is printed already."""
    tab = await Tab.of(page)
    await tab.load("first", waits=True)
    first = await tab.print({})
    await tab.load("second", waits=True)
    second = await tab.print({})
    crashed = asyncio.Event()
    page.on("crash", lambda _: crashed.set())
    for pid in renderers(main_process(browser)):
        os.kill(pid, signal.SIGKILL)
    await crashed.wait()
    assert page_texts(await first.fetch(LIMIT)) == ["first"]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await tab.all_fetched()
    assert page_texts(await second.fetch(LIMIT)) == ["second"]
    await tab.all_fetched()


async def test_a_renderer_does_not_grow_from_document_to_document(
    browser: Browser, page: async_api.Page, templates: Templates
) -> None:
    """One page serves a thousand documents: it needs no more memory for the last ones."""
    html = await templates.render("invoice", invoices()[0], OPTIONS)
    tab = await Tab.of(page)

    async def memory_after(documents: int) -> int:
        for _ in range(documents):
            await tab.load(html, waits=False)
            await (await tab.print({})).fetch(LIMIT)
        return sum(map(resident, renderers(main_process(browser))))

    before = await memory_after(100)
    assert await memory_after(150) < before + 0.3 * 150 * MIB
