"""The render pool while nothing breaks: options, errors of documents, order, recycling."""

import asyncio
from typing import Any

import pytest

from jobqueue import metrics
from jobqueue.errors import Unrecoverable
from jobqueue.render import browser as browser_module
from jobqueue.render import page as page_module
from jobqueue.render.browser import Browser
from jobqueue.render.failures import BrowserLost, RenderTimeout
from jobqueue.render.options import RenderOptions
from jobqueue.render.pool import RenderPool
from jobqueue.settings import LimitSettings, RenderSettings

from .helpers import (
    descendants,
    is_running,
    page_size_mm,
    page_texts,
    soon,
    until,
    without_dates,
)

pytestmark = pytest.mark.browser

PAGES = "".join(f"<p style='break-after: page'>sheet {n}</p>" for n in range(1, 6)) + "sheet 6"
HUGE = "<table>" + "<tr><td>1<td>2<td>3</tr>" * 12_000 + "</table>"
"""Takes Chromium several seconds."""


async def pdf_of(pool: RenderPool, html: str, **options: Any) -> bytes:
    """The bytes of a document."""
    layout = RenderOptions.model_validate(options)
    return (await pool.render(html, layout, deadline=soon())).data


async def test_paper_and_orientation(pool: RenderPool) -> None:
    """The sheet is what was asked for."""
    assert page_size_mm(await pdf_of(pool, "x")) == (210, 297)
    assert page_size_mm(await pdf_of(pool, "x", format="A5", landscape=True)) == (210, 148)
    sides = {"paper_width": "100mm", "paper_height": "150mm"}
    assert page_size_mm(await pdf_of(pool, "x", **sides)) == (100, 150)
    assert page_size_mm(await pdf_of(pool, "x", **sides, landscape=True)) == (150, 100)


async def test_paper_of_the_document_counts_only_when_preferred(pool: RenderPool) -> None:
    """`@page { size }` decides with prefer_css_page_size, not without."""
    html = "<style>@page { size: A5 }</style>x"
    assert page_size_mm(await pdf_of(pool, html)) == (210, 297)
    assert page_size_mm(await pdf_of(pool, html, prefer_css_page_size=True)) == (148, 210)


@pytest.mark.parametrize(
    ("ranges", "sheets"), [("2", [2]), ("1-2, 5", [1, 2, 5]), ("5-", [5, 6]), ("-2", [1, 2])]
)
async def test_page_ranges_choose_pages(pool: RenderPool, ranges: str, sheets: list[int]) -> None:
    """Only the pages asked for are in the document."""
    texts = page_texts(await pdf_of(pool, PAGES, page_ranges=ranges))
    assert [int(text.removeprefix("sheet ")) for text in texts] == sheets


async def test_pages_beyond_the_document_are_its_job_s_fault(pool: RenderPool) -> None:
    """A range that the document does not have ends the job, and hurts no other."""
    with pytest.raises(Unrecoverable, match="'9': the document has fewer pages") as caught:
        await pdf_of(pool, PAGES, page_ranges="9")
    assert caught.value.code == "invalid_page_range"
    assert page_texts(await pdf_of(pool, "fine")) == ["fine"]


async def test_margins_and_scale_change_what_fits(pool: RenderPool) -> None:
    """More margin or larger type makes more pages; none makes fewer."""
    html = "<p>line</p>" * 60
    plain, wide, large = [
        len(page_texts(await pdf_of(pool, html, **options)))
        for options in ({}, {"margin_top": "120mm"}, {"scale": 2})
    ]
    assert plain < min(wide, large)


async def test_backgrounds_are_printed_unless_turned_off(pool: RenderPool) -> None:
    """Colours behind text are there by default."""
    html = "<div style='background: #123456; height: 5cm'>"
    assert await pdf_of(pool, html) != await pdf_of(pool, html, print_background=False)
    assert len(await pdf_of(pool, html)) > len(await pdf_of(pool, html, print_background=False))


async def test_headers_and_footers_are_visible_and_numbered(pool: RenderPool) -> None:
    """They are printed in readable size inside the margins, page numbers filled in."""
    footer = "<span class=pageNumber></span> of <span class=totalPages></span>"
    texts = page_texts(await pdf_of(pool, PAGES, header_html="Ünïcode", footer_html=footer))
    assert [text.split("\n") for text in texts[:2]] == [
        ["sheet 1", "Ünïcode", "1 of 6"],
        ["sheet 2", "Ünïcode", "2 of 6"],
    ]


async def test_scripts_do_not_run_and_that_is_told(pool: RenderPool) -> None:
    """JavaScript is off: the alternative is printed, and the result says so."""
    html = (
        "<script>document.body.append('ran')</script><p onclick='x()'>static</p>"
        "<img src='data:,' onerror='document.body.append(1)'><noscript>alternative</noscript>"
    )
    pdf = await pool.render(html, RenderOptions(), deadline=soon())
    (text,) = page_texts(pdf.data)
    assert "ran" not in text
    assert "alternative" in text
    assert pdf.warnings[0].startswith("scripts not run: 1")
    assert pdf.warnings[1].startswith("image not shown: data:,")


async def test_missing_resources_are_told(pool: RenderPool) -> None:
    """Each address that was not loaded is a warning; embedded images are none."""
    pixel = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
    html = (
        f"<img src='{pixel}'><img src='logo.png'><img src='https://shop.example/a.png'>"
        "<style>body { background: url(https://shop.example/b.png) }</style>"
        "<link rel=stylesheet href='style.css'>"
    )
    warnings = (await pool.render(html, RenderOptions(), deadline=soon())).warnings
    assert sorted(warnings) == [
        "image not shown: logo.png (embed images as data: addresses)",
        "not loaded, documents have no network: https://shop.example/a.png",
        "not loaded, documents have no network: https://shop.example/b.png",
        "stylesheet not loaded: style.css (put styles into the document)",
    ]


async def test_equal_documents_are_equal_bytes(pool: RenderPool) -> None:
    """A document printed again differs in nothing but its dates."""
    first, second = [without_dates(await pdf_of(pool, PAGES)) for _ in range(2)]
    assert first == second


async def test_a_document_over_the_limit_ends_its_job() -> None:
    """limits.document holds, and trying again is pointless."""
    pool = RenderPool(RenderSettings(slots=1), LimitSettings(document=1000))
    await pool.start()
    try:
        with pytest.raises(Unrecoverable, match="more than the 1000 bytes") as caught:
            await pdf_of(pool, PAGES)
        assert caught.value.code == "document_too_large"
    finally:
        await pool.close()


async def test_margins_that_only_chromium_can_judge(pool: RenderPool) -> None:
    """Margins that are not checked beforehand end the job with the reason."""
    with pytest.raises(Unrecoverable, match="margins leave no room") as caught:
        await pdf_of(pool, "x", prefer_css_page_size=True, margin_top=12)
    assert caught.value.code == "render_failed"


async def test_a_deadline_ends_a_document_that_takes_too_long(own_pool: RenderPool) -> None:
    """The job fails in time, its page is not used again, and the next document is printed."""
    before = soon(0)
    with pytest.raises(RenderTimeout, match="make it smaller"):
        await own_pool.render(HUGE, RenderOptions(), deadline=soon(0.5))
    assert soon(0) - before < 5
    assert page_texts(await pdf_of(own_pool, "next")) == ["next"]


async def test_a_deadline_ends_waiting_for_a_page(own_pool: RenderPool) -> None:
    """A job that gets no page in time says so."""
    busy = asyncio.create_task(pdf_of(own_pool, HUGE))
    await until(lambda: not own_pool._lane._idle)
    with pytest.raises(RenderTimeout, match="all pages are busy"):
        await own_pool.render("x", RenderOptions(), deadline=soon(0.5))
    busy.cancel()
    await asyncio.wait([busy])


async def test_a_cancelled_job_frees_its_page(own_pool: RenderPool) -> None:
    """Cancelling in mid-print neither loses the slot nor mixes up documents."""
    task = asyncio.create_task(pdf_of(own_pool, HUGE))
    await until(lambda: not own_pool._lane._idle)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert page_texts(await pdf_of(own_pool, "next")) == ["next"]


async def test_a_job_cancelled_while_it_waits_leaves_the_queue(own_pool: RenderPool) -> None:
    """Its turn goes to the one behind it."""
    first = asyncio.create_task(pdf_of(own_pool, PAGES * 100))
    second, third = (asyncio.create_task(pdf_of(own_pool, text)) for text in ("two", "three"))
    await until(lambda: len(own_pool._lane._slots._waiting) == 2)
    second.cancel()
    assert page_texts(await third) == ["three"]
    assert await first


async def test_documents_are_printed_in_the_order_they_came(own_pool: RenderPool) -> None:
    """Nobody who waits is overtaken."""
    done: list[int] = []

    async def one(number: int) -> None:
        await pdf_of(own_pool, str(number))
        done.append(number)

    await asyncio.gather(*(one(number) for number in range(12)))
    assert done == list(range(12))


async def test_pages_and_browsers_are_replaced_after_their_time() -> None:
    """Every document is printed while page and browser are renewed beneath it."""
    restarts = metrics.BROWSER_RESTARTS.labels("worn")
    before = restarts._value.get()
    settings = RenderSettings(slots=2)
    pool = RenderPool(settings, LimitSettings(), max_page_renders=3, max_browser_renders=8)
    await pool.start()
    try:
        first = pool._supply.browser
        assert first is not None
        deadline = soon()
        while restarts._value.get() - before < 2:
            assert asyncio.get_running_loop().time() < deadline
            texts = await asyncio.gather(*(pdf_of(pool, f"no {n}") for n in range(10)))
            assert [page_texts(pdf) for pdf in texts] == [[f"no {n}"] for n in range(10)]
        assert pool._supply.browser is not first
        await until(lambda: len(pool._supply._browsers) == 1)
        await until(lambda: not any(is_running(p.pid) for p in first._processes))
        assert not first._folder.path.exists()
    finally:
        await pool.close()


async def test_a_browser_is_replaced_when_it_is_old() -> None:
    """An idle pool renews itself: the successor is there before the old one stops."""
    restarts = metrics.BROWSER_RESTARTS.labels("old")
    before = restarts._value.get()
    pool = RenderPool(RenderSettings(slots=1), LimitSettings(), max_browser_age=1)
    await pool.start()
    try:
        first, launch = pool._supply.browser, pool._supply._launch
        assert first is not None
        overlaps: list[bool] = []

        async def noted() -> Browser:
            successor = await launch()
            overlaps.append(first.alive)
            return successor

        pool._supply._launch = noted
        await until(lambda: not first._folder.path.exists())
        assert overlaps[0]
        assert restarts._value.get() > before
        assert page_texts(await pdf_of(pool, "next")) == ["next"]
    finally:
        await pool.close()


async def test_a_browser_is_replaced_when_it_is_large(
    own_pool: RenderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A main process that grows is not kept until the machine is out of memory."""
    first = own_pool._supply.browser
    assert first is not None
    monkeypatch.setattr(browser_module, "MAX_MEMORY", 1)
    await until(lambda: own_pool._supply.browser is not first)
    monkeypatch.undo()
    await until(lambda: not first._folder.path.exists())
    assert page_texts(await pdf_of(own_pool, "next")) == ["next"]


async def test_a_successor_that_does_not_start_costs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While Chromium cannot be started the old one goes on printing."""
    pool = RenderPool(RenderSettings(slots=1), LimitSettings(), max_browser_renders=1)
    await pool.start()
    try:
        first = pool._supply.browser
        failed = asyncio.Event()

        async def fail() -> Browser:
            failed.set()
            raise OSError("no")

        monkeypatch.setattr(pool._supply, "_launch", fail)
        for number in range(3):
            assert page_texts(await pdf_of(pool, f"no {number}")) == [f"no {number}"]
        await failed.wait()
        assert page_texts(await pdf_of(pool, "after")) == ["after"]
        assert pool._supply.browser is first
        assert await pool.problem() is None
    finally:
        await pool.close()


async def test_a_page_is_replaced_after_a_document_that_took_long(
    own_pool: RenderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a large document leaves in memory is not held against the next one."""
    (first,) = own_pool._lane._idle
    await pdf_of(own_pool, "short")
    assert list(own_pool._lane._idle) == [first]
    monkeypatch.setattr(page_module, "LONG", 0)
    await pdf_of(own_pool, "long")
    await until(lambda: bool(own_pool._lane._idle))
    assert first not in own_pool._lane._idle


async def test_close_leaves_nothing_behind() -> None:
    """No process and no folder outlives the pool; what still runs or comes is turned away."""
    pool = RenderPool(RenderSettings(slots=1), LimitSettings())
    assert await pool.problem() == "Chromium has not been started"
    await pool.start()
    assert await pool.problem() is None
    browser = pool._supply.browser
    assert browser is not None
    pids = [process.pid for process in browser._processes]
    pids += [child for pid in pids for child in descendants(pid)]
    assert len(pids) > 4
    running, waiting = (asyncio.create_task(pdf_of(pool, HUGE)) for _ in range(2))
    await until(lambda: len([*pool._lane._waiting, *pool._lane._slots._waiting]) == 1)
    await pool.close()
    for task in (running, waiting):
        with pytest.raises(BrowserLost):
            await task
    with pytest.raises(BrowserLost, match="shutting down"):
        await pdf_of(pool, "x")
    await until(lambda: not any(map(is_running, pids)))
    assert not browser._folder.path.exists()
    assert await pool.problem() == "the render pool has stopped"


async def test_stages_are_measured(pool: RenderPool) -> None:
    """Waiting, loading and printing are counted apart."""

    def counts() -> list[float]:
        samples = {
            sample.labels["stage"]: sample.value
            for metric in metrics.RENDER.collect()
            for sample in metric.samples
            if sample.name.endswith("_count") and sample.labels["lane"] == "static"
        }
        return [samples.get(stage, 0) for stage in ("wait", "load", "print")]

    before = counts()
    await pdf_of(pool, "x")
    assert counts() == [count + 1 for count in before]
