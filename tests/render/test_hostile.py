"""Documents that are made to break the renderer: each ends its own job, and nothing else.

Whatever Chromium makes of one, its job has a document or an error of its own within its time,
and the neighbour in the other page gets exactly its document.
"""

import asyncio
import base64
import struct
import time
import zlib
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from jobqueue.errors import JobqueueError, Unrecoverable
from jobqueue.render.options import RenderOptions
from jobqueue.render.pool import RenderPool
from jobqueue.settings import LimitSettings, RenderSettings

from .helpers import page_texts, soon

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

TIME = 3.0
"""Seconds that a hostile document gets."""

GRACE = 2.0
"""Seconds later at which its job must have ended, whatever runs in the page."""


def png(side: int) -> str:
    """A square picture of one colour as a data: address; its pixels take 4 bytes each."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + side // 8)) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    data = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def laughs() -> str:
    """A billion laughs: entities in an SVG picture, each made of ten of the one before."""
    entities = '<!ENTITY a0 "ha">' + "".join(
        f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)
    )
    svg = f'<!DOCTYPE svg [{entities}]><svg xmlns="http://www.w3.org/2000/svg"><text>&a9;</text></svg>'
    return f'<img src="data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}">'


def nested_use() -> str:
    """A drawing that stands for 10^9 shapes."""
    groups = "".join(f'<g id="g{n}">{f"<use href=#g{n - 1} />" * 10}</g>' for n in range(1, 10))
    return f'<svg><defs><rect id="g0" width="1" height="1"/>{groups}</defs><use href="#g9"/></svg>'


def filters() -> str:
    """Noise and blur over 400 million pixels, twenty times."""
    steps = '<feTurbulence baseFrequency=".9" numOctaves="20"/><feGaussianBlur stdDeviation="900"/>'
    return (
        f'<svg width="20000" height="20000"><filter id="f" filterRes="9999">{steps * 20}</filter>'
        '<rect width="20000" height="20000" filter="url(#f)"/></svg>'
    )


def gradients() -> str:
    """Gradients of 200 000 stops, on elements larger than any paper."""
    stops = ",".join(f"#{n:06x}" for n in range(200_000))
    return f'<div style="width:9e6px;height:9e6px;background:conic-gradient({stops})"></div>' * 3


def counters() -> str:
    """Selectors that every element has to be compared with, and each with all the others."""
    rules = "".join(
        f":has(~ i:nth-child({n}n)) i:not(:has(b)) {{ color: red }}" for n in range(300)
    )
    return f"<style>{rules}</style>" + "<p><i>x</i>" * 20_000


HOSTILE: dict[str, Callable[[], str]] = {
    "huge image": lambda: f'<img src="{png(30_000)}">',
    "huge image as background": lambda: f'<div style="height:9in;background:url({png(30_000)})">',
    "many huge images": lambda: f'<img width=99 src="{png(12_000)}">' * 40,
    "billion laughs": laughs,
    "nested use": nested_use,
    "filters": filters,
    "blur": lambda: '<div style="filter:blur(9999px);width:30000px;height:30000px;background:red">',
    "gradients": gradients,
    "selectors": counters,
    "deep nesting": lambda: "<div>" * 200_000,
    "deep css": lambda: f"<style>{'a{' * 100_000}</style>",
    "nested calc": lambda: f'<p style="width:{"calc(" * 50_000}1px{")" * 50_000}">',
    "css variables": lambda: (
        "<style>*{--a0:xxxxxxxxxx;"
        + "".join(f"--a{n}:{f'var(--a{n - 1})' * 10};" for n in range(1, 12))
        + "content:var(--a11)}</style>x"
    ),
    "table": lambda: "<table>" + "<tr><td>1<td>2<td>3</tr>" * 100_000 + "</table>",
    "columns": lambda: f'<div style="columns:1000;column-width:1px">{"word " * 100_000}</div>',
    "endless page": lambda: '<div style="height:33554000px;border:1px solid"></div>' * 50,
    "nested tables": lambda: "<table><tr><td>" * 2_000,
    "grid": lambda: (
        '<div style="display:grid;grid:repeat(9999,1px)/repeat(9999,1px)">'
        + "<i style='grid-area:1/1/9999/9999'></i>" * 2_000
    ),
    "embedded frames": lambda: '<iframe srcdoc="<p>x"></iframe>' * 3_000,
    "animations": lambda: (
        "<style>@keyframes k{to{width:9999px}}p{animation:k 1ms infinite}</style>" + "<p>x" * 20_000
    ),
    "svg patterns": lambda: (
        '<svg width="9000" height="9000"><pattern id="p" width=".001" height=".001">'
        '<circle r="9"/></pattern><rect width="9000" height="9000" fill="url(#p)"/></svg>'
    ),
    "dashes": lambda: (
        '<svg width="900" height="900">'
        + '<path d="M0 0L9e7 9e7" stroke="red" stroke-dasharray=".001"/>' * 50
        + "</svg>"
    ),
    "null bytes": lambda: "\0" * 1_000_000,
}


async def printed(pool: RenderPool, html: str, seconds: float) -> list[str]:
    """The texts of a document's pages."""
    pdf = await pool.render(html, RenderOptions(), deadline=soon(seconds))
    try:
        return page_texts(pdf.data) if pdf.content.size < 100_000 else []
    finally:
        pdf.close()


async def timed(job: Coroutine[Any, Any, list[str]], ended: list[float]) -> list[str]:
    """The result of a job, with the moment of its end whatever that is."""
    try:
        return await job
    finally:
        ended.append(time.monotonic())


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_document_ends_its_own_job_only(pool: RenderPool, name: str) -> None:
    """It is printed or ends with an error that has a code, in time; the neighbour is untouched."""
    html = HOSTILE[name]()
    started, ended = time.monotonic(), list[float]()
    hostile = asyncio.create_task(timed(printed(pool, html, TIME), ended))
    neighbours = 0
    while not hostile.done():
        assert await printed(pool, f"neighbour {neighbours}", 30) == [f"neighbour {neighbours}"]
        neighbours += 1
        await asyncio.wait([hostile], timeout=0.1)
    assert ended[0] - started < TIME + GRACE
    error = hostile.exception()
    assert error is None or (isinstance(error, JobqueueError) and error.code)
    assert neighbours > 0
    assert await printed(pool, "after", 30) == ["after"]
    assert await pool.problem() is None


async def limit_error(limits: LimitSettings, html: str) -> Unrecoverable:
    """How a document ends that has too much of something; the next one is printed."""
    pool = RenderPool(RenderSettings(slots=1), limits)
    await pool.start()
    try:
        with pytest.raises(Unrecoverable) as caught:
            await printed(pool, html, 40)
        assert await printed(pool, "small", 40) == ["small"]
        return caught.value
    finally:
        await pool.close()


async def test_html_over_its_limit_is_not_tried() -> None:
    """What counts is bytes; the message names the setting."""
    error = await limit_error(LimitSettings(html=1000), "é" * 501)
    assert error.code == "html_too_large"
    assert "limits.html" in str(error)


async def test_a_document_of_too_many_pages_is_dead() -> None:
    """The message says how many there are and how many there may be."""
    error = await limit_error(LimitSettings(pages=3), "<p style='break-after:page'>x" * 4)
    assert error.code == "too_many_pages"
    assert "has 4 pages, at most 3 are allowed (limits.pages)" in str(error)


async def test_an_image_that_is_too_large_is_told(pool: RenderPool) -> None:
    """A picture that Chromium refuses is missing from the document, but not silently."""
    pdf = await pool.render(HOSTILE["huge image"](), RenderOptions(), deadline=soon())
    (warning,) = pdf.warnings
    assert warning.startswith("image not shown: data:image/png")
    assert warning.endswith("(its data is damaged, or it is too large)")
