"""Documents with scripts: what runs, what is waited for, and what ends a job."""

import time
from typing import Any

import pytest

from jobqueue.errors import Unrecoverable
from jobqueue.render.failures import RenderTimeout
from jobqueue.render.options import RenderOptions
from jobqueue.render.pool import RenderPool
from jobqueue.render.rendered import Rendered

from .helpers import images_in, page_size_mm, page_texts, soon

pytestmark = pytest.mark.browser

CHART = """<div id=box><canvas id=chart></canvas></div><script>
new ResizeObserver(([entry]) => {
    const width = chart.width = Math.floor(entry.contentRect.width);
    chart.height = 300;
    requestAnimationFrame(() => {
        const context = chart.getContext('2d');
        context.fillRect(0, 0, width, 150);
        box.title = width;
    });
}).observe(box);
new IntersectionObserver(() => document.body.append('seen ' + box.title)).observe(chart);
</script>"""
"""Cleared once more after it was drawn, as its own height makes the box larger."""

LATE = (
    "<script>setTimeout(() => { document.body.innerHTML += '<b id=late>late</b>' }, 300)</script>"
)


async def render(pool: RenderPool, html: str, seconds: float = 40, **options: Any) -> Rendered:
    """What becomes of a document with scripts."""
    wanted = RenderOptions.model_validate({"javascript": True, **options})
    return await pool.render(html, wanted, deadline=soon(seconds))


async def text_of(pool: RenderPool, html: str, **options: Any) -> str:
    """The text on the first page of a document with scripts."""
    return page_texts((await render(pool, html, **options)).data)[0]


async def refusal(pool: RenderPool, html: str, **options: Any) -> Unrecoverable:
    """How a document with scripts ends its job for good."""
    with pytest.raises(Unrecoverable) as caught:
        await render(pool, html, **options)
    return caught.value


async def test_charts_that_wait_for_frames_are_not_blank(pool: RenderPool) -> None:
    """Animation frames and observers fire, and a canvas is printed as it is when all is still."""
    for _ in range(10):
        pdf = (await render(pool, CHART)).data
        assert "seen" in page_texts(pdf)[0]
        (opacity,) = images_in(pdf)
        assert set(opacity) == {0, 255}  # a blank one is transparent everywhere


async def test_scripts_find_the_room_that_they_get_on_paper(pool: RenderPool) -> None:
    """The window is as wide as what the margins leave, unless another width is asked for."""
    html = (
        "<p><script>document.body.append(innerWidth + ' ' + matchMedia('print').matches)</script>"
    )
    margins = {"margin_left": 1, "margin_right": 1}
    sheet = {"paper_width": 6, "paper_height": 8, **margins}
    assert await text_of(pool, html, **sheet) == "384 true"
    assert await text_of(pool, html, viewport_width=500, media="screen") == "500 false"


async def test_the_page_is_where_and_when_the_options_say(pool: RenderPool) -> None:
    """Time zone, locale, colour scheme and resolution are those of the options."""
    html = """<p><script>document.body.append([
        new Date(0).toLocaleString(), navigator.language, devicePixelRatio,
        matchMedia('(prefers-color-scheme: dark)').matches].join(' '))</script>"""
    options = {"timezone": "Asia/Tokyo", "locale": "de-DE", "color_scheme": "dark"}
    text = await text_of(pool, html, **options, device_scale=2)
    assert text == "1.1.1970, 09:00:00 de-DE 2 true"


@pytest.mark.parametrize("javascript", [False, True])
async def test_styles_of_a_medium_and_a_scheme(pool: RenderPool, *, javascript: bool) -> None:
    """Media and colour scheme hold for one document, with scripts or without."""
    html = """<style>p::before { content: 'print' } @media screen { p::before { content: 'screen' }}
        @media (prefers-color-scheme: dark) { p::after { content: ' dark' } }</style><p>"""
    for options, text in (
        ({}, "print"),
        ({"media": "screen", "color_scheme": "dark"}, "screen dark"),
        ({"media": "print"}, "print"),
    ):
        assert await text_of(pool, html, javascript=javascript, **options) == text


@pytest.mark.parametrize(
    "options",
    [
        {"wait_selector": "#late"},
        {"wait_expression": "document.querySelector('#late').isConnected"},
        {"wait_expression": "new Promise(done => setTimeout(done, 600, true))"},
        {"wait_delay": 0.8},
    ],
    ids=str,
)
async def test_a_document_is_printed_when_it_says_so(
    pool: RenderPool, options: dict[str, Any]
) -> None:
    """What comes late is in the document when it is waited for, and else it is not."""
    assert "late" not in await text_of(pool, LATE)
    assert "late" in await text_of(pool, LATE, **options)


async def test_an_idle_network_is_waited_for(pool: RenderPool) -> None:
    """Requests that scripts make one after another are over when the document is printed."""
    html = """<script>(async () => { for (let n = 1; n < 4; n++) {
        await fetch('http://a.test/' + n).catch(() => {});
        await new Promise(done => setTimeout(done, 200));
        document.body.append('answer ' + n) } })()</script>"""
    assert "answer 3" in await text_of(pool, html, wait_network_idle=True)


async def test_what_a_document_waited_for_is_told(pool: RenderPool) -> None:
    """A wait that never ends is named in the error, with the console and a picture."""
    html = "<h1>half</h1><script>console.error('no data')</script>"
    with pytest.raises(RenderTimeout, match=r"wait_selector '#x'; console: error: no data") as late:
        await render(pool, html, seconds=1.5, wait_selector="#x")
    assert late.value.picture is not None
    assert late.value.picture.startswith(b"\xff\xd8")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"wait_selector": "#["}, "invalid_selector"),
        ({"wait_selector": "p::x("}, "invalid_selector"),
        ({"wait_expression": "a b"}, "invalid_expression"),
    ],
    ids=str,
)
async def test_waits_that_cannot_be(pool: RenderPool, options: dict[str, Any], code: str) -> None:
    """What is no selector or expression ends the job at once."""
    assert (await refusal(pool, "x", **options)).code == code


async def test_failed_scripts_are_told_or_end_the_job(pool: RenderPool) -> None:
    """An error that nothing catches is a warning, and the end where the job wants that."""
    html = "<p>x<script>console.log('start'); nope()</script>"
    wrong = "ReferenceError: nope is not defined"
    assert (await render(pool, html)).warnings == (f"script failed: {wrong}",)
    error = await refusal(pool, html, fail_on_console_exception=True)
    assert error.code == "script_failed"
    assert wrong in str(error)
    assert "log: start" in str(error)


@pytest.mark.parametrize("javascript", [False, True])
async def test_failed_resources_are_told_or_end_the_job(
    pool: RenderPool, *, javascript: bool
) -> None:
    """What is not loaded is a warning, and the end where the job wants that."""
    html = "<p>x<img src='http://a.test/logo.png'>"
    (warning,) = (await render(pool, html, javascript=javascript)).warnings
    assert "http://a.test/logo.png" in warning
    error = await refusal(pool, html, javascript=javascript, fail_on_resource_failure=True)
    assert error.code == "resource_failed"
    assert "http://a.test/logo.png" in str(error)


@pytest.mark.parametrize("javascript", [False, True])
async def test_fonts_and_lazy_images_are_waited_for(pool: RenderPool, *, javascript: bool) -> None:
    """A picture far down that is loaded lazily is printed."""
    pixel = "R0lGODlhAQABAIAAAAAAAP///yH5BAAAAAAALAAAAAABAAEAAAIBRAA7"
    html = f"""<div style='height: 3000px'></div>
        <img loading=lazy width=600 height=600 src='data:image/gif;base64,{pixel}'>"""
    pdf = (await render(pool, html, javascript=javascript)).data
    assert len(images_in(pdf)) == 1


async def test_a_single_page_is_as_long_as_the_document(pool: RenderPool) -> None:
    """One sheet has all of it, until that would be longer than viewers show."""
    lines = "".join(f"<p>line {n}</p>" for n in range(200))
    for javascript in (False, True):
        pdf = (await render(pool, lines, javascript=javascript, single_page=True)).data
        (text,) = page_texts(pdf)
        assert text.endswith("line 199")
        width, height = page_size_mm(pdf)
        assert width == 210
        assert 1700 < height < 2200
    landscape = (await render(pool, "x", single_page=True, landscape=True)).data
    assert page_size_mm(landscape)[0] == 297
    capped = (await render(pool, lines * 10, single_page=True)).data
    assert page_size_mm(capped)[1] == 5080
    assert page_texts(capped)[-1].endswith("line 199")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("location = 'http://a.test/'", "leads to another address"),
        ("location.reload()", "leads to another address"),
        ("window.close()", "closed its own window"),
    ],
)
async def test_documents_that_go_away_end_their_jobs(
    pool: RenderPool, script: str, reason: str
) -> None:
    """Nothing else is printed in place of a document, and trying again is pointless."""
    begin = time.perf_counter()
    assert reason in str(await refusal(pool, f"x<script>{script}</script>", wait_delay=5))
    assert time.perf_counter() - begin < 5


async def test_moving_within_the_document_is_allowed(pool: RenderPool) -> None:
    """A script may set the fragment and the history of its own document."""
    html = "<p>stays<script>location.hash = 'a'; history.pushState({}, '', '#b')</script>"
    assert await text_of(pool, html, wait_delay=0.2) == "stays"
