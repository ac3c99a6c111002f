"""A warm page: prints one document after another, as long as nothing odd happens to it."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import structlog
from playwright import async_api

from jobqueue import metrics
from jobqueue.errors import Unrecoverable
from jobqueue.render import omissions
from jobqueue.render.browser import Browser
from jobqueue.render.failures import RENDER_FAILED, blame_chromium, blame_options, blame_size
from jobqueue.render.loss import Loss
from jobqueue.render.options import RenderOptions
from jobqueue.render.printing import print_parameters
from jobqueue.render.tab import PdfStream, Tab

LANE = "static"

OPEN_DEADLINE = 15.0
"""Seconds for a new page to open and print its first document: 0.2 s is usual."""

CLEAN_DEADLINE = 5.0
"""Seconds for a page to be emptied, or closed with whatever still runs in it."""

FETCH_DEADLINE = 30.0
"""Seconds that a page is kept for a document that is being fetched: 512 MiB take 16 s."""

CRASH_NEWS = 0.5
"""Seconds to wait for the news of a crash after an error that may stem from one."""

LONG = 1.0
"""Seconds of rendering after which a page is worn. A renderer keeps most of the memory that
a large document took, up to 400 MB a second, and the next large one would be blamed for it."""

MAX_FAILED = 100
"""Addresses remembered of what did not load; a document may name any number."""

_log = structlog.get_logger(__name__)

_FIRST = "<!doctype html><meta charset=utf-8><p>ready"
_FIRST_LIMIT = 1024 * 1024
_LEADS_AWAY = "the document leads to another address by itself (meta refresh)"
_BROKEN_IMAGES = f"""() => [...document.querySelectorAll('img, image')].filter(
    i => i instanceof HTMLImageElement ? i.complete && !i.naturalWidth : !i.href.baseVal
        .startsWith('data:')).map(i => i.currentSrc || i.getAttribute('src')
        || i.getAttribute('href') || i.getAttribute('xlink:href')).filter(Boolean)
        .slice(0, {MAX_FAILED}).map(a => a.slice(0, 500))"""


class WarmPage:
    """One page of one browser, with a context of its own. Make one with `open`.

    It belongs to a lane, which lends it to one job at a time.

    Attributes:
        renders: documents printed so far.
        worn: set when the page should not get another document.
        spoiled: set when the page must not get another document.
        has_traces: set when the page must be cleaned before the next document.
        needs_care: set when the page's keeper shall look after it.
    """

    def __init__(
        self,
        browser: Browser,
        context: async_api.BrowserContext,
        page: async_api.Page,
        tab: Tab,
        loss: Loss,
    ) -> None:
        self.renders = 0
        self.worn = False
        self.spoiled = False
        self.has_traces = False
        self.needs_care = asyncio.Event()
        self._browser = browser
        self._context = context
        self._page = page
        self._tab = tab
        self._lent = False
        self._moved = False
        self._memory_kills = 0
        self._loss = loss
        self._failed: list[str] = []
        page.on("request", self._notice_request)
        page.on("requestfailed", self._notice_failure)
        page.on("framenavigated", self._notice_navigation)
        browser.loss.tell(self._loss.happen)
        self._loss.tell(self._spoil)

    @classmethod
    async def open(cls, browser: Browser) -> "WarmPage":
        """A page that has proved that it prints.

        Raises:
            async_api.Error, TimeoutError: the browser gives none.
        """
        async with asyncio.timeout(OPEN_DEADLINE), browser.loss.interrupts():
            context = await browser.new_context()
            try:
                loss = _crash_in(context)
                async with loss.interrupts():
                    page = await context.new_page()
                    tab = await Tab.of(page)
                    await tab.load(_FIRST, waits=True)
                    await (await tab.print({})).fetch(_FIRST_LIMIT)
            except BaseException:
                await _close(browser, context)
                raise
        return cls(browser, context, page, tab, loss)

    def _notice_request(self, _: async_api.Request) -> None:
        self.has_traces = True
        if not self._lent:  # by the document before: none may follow it here
            self._spoil()

    def _notice_failure(self, request: async_api.Request) -> None:
        if self._lent and len(self._failed) < MAX_FAILED:
            self._failed.append(request.url)

    def _notice_navigation(self, frame: async_api.Frame) -> None:
        if frame.parent_frame is None and self._lent:
            self._moved = True

    def _spoil(self) -> None:
        self.spoiled = True
        if not self._lent:
            self.needs_care.set()

    def lend(self) -> None:
        """Mark the page as being used by a job."""
        self._lent = True

    def end_of_use(self) -> None:
        """Mark the page as used by no job."""
        self._lent = False

    async def print(self, html: str, options: RenderOptions) -> tuple[PdfStream, tuple[str, ...]]:
        """The PDF of `html` and what was left out of it; the page must be lent.

        Raises:
            Unrecoverable: the document cannot be printed with these options.
            BrowserLost, PrintingFailed: another try may succeed.
        """
        self._failed.clear()
        self._moved = False
        self._memory_kills = self._browser.memory_kills
        started = time.perf_counter()
        plain = omissions.is_plain(html)
        self.has_traces = not plain and omissions.leaves_traces(html)
        try:
            async with self._loss.interrupts():
                with _measured("load"):
                    await self._tab.load(html, waits=not plain)
                broken = [] if plain else await self._broken_images(html)
                with _measured("print"):
                    pdf = await self._tab.print(print_parameters(options))
        except Exception as error:
            self.spoiled = True
            raise await self._explain(error, options) from error
        except BaseException:
            self.spoiled = True  # a print that was given up goes on inside
            raise
        self.worn = time.perf_counter() - started > LONG
        self.renders += 1
        self._browser.renders += 1
        if self._moved:
            self.spoiled = True
            pdf.discard()
            raise Unrecoverable(RENDER_FAILED, _LEADS_AWAY)
        if plain and not self._failed:
            return pdf, ()
        return pdf, omissions.list_omissions(html, failed=self._failed, broken_images=broken)

    async def _broken_images(self, html: str) -> list[str]:
        if not omissions.shows_images(html):
            return []
        addresses: list[str] = await self._page.evaluate(_BROKEN_IMAGES)
        return addresses

    async def _explain(self, error: Exception, options: RenderOptions) -> Exception:
        """What to raise for an error of Playwright or its pipe; waits for news that may follow."""
        wrong_options = blame_options(error, options)
        if wrong_options is not None:
            return wrong_options
        try:
            async with asyncio.timeout(CRASH_NEWS):
                await self._loss.wait()
        except TimeoutError:
            if self._moved:
                return Unrecoverable(RENDER_FAILED, _LEADS_AWAY)
        if self._browser.memory_kills > self._memory_kills:
            return blame_size(self._browser.memory_limit)
        return blame_chromium(error, options, crashed=self._loss.happened)

    async def clean(self) -> None:
        """Empty the page, when its last document may have left something in it."""
        if not self.has_traces or self.spoiled:
            return
        try:
            async with asyncio.timeout(CLEAN_DEADLINE):
                await self._page.goto("about:blank")
        except Exception:  # noqa: BLE001 - a page that cannot be cleaned is replaced, whatever it says
            self.spoiled = True
        self.has_traces = False

    async def close(self) -> None:
        """Close the page, whatever still runs in it; a browser that does not do it is lost."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FETCH_DEADLINE), self._browser.loss.interrupts():
                await self._tab.all_fetched()
        self._browser.loss.forget(self._loss.happen)
        if not await _close(self._browser, self._context):
            self._browser.loss.happen()


def _crash_in(context: async_api.BrowserContext) -> Loss:
    """The crash of the page that will be opened in `context`, heard of from its first moment."""
    loss = Loss()
    context.on("page", lambda page: page.on("crash", lambda _: loss.happen()))
    return loss


async def _close(browser: Browser, context: async_api.BrowserContext) -> bool:
    """Close a context within its deadline, unless it has gone with its browser; whether it is."""
    if browser.loss.happened:
        return True
    try:
        async with asyncio.timeout(CLEAN_DEADLINE):
            await context.close()
    except TimeoutError:
        return False
    except Exception as error:  # noqa: BLE001 - its browser or driver is gone, and it with them
        _log.debug("page_close_failed", error=str(error))
    return True


@contextmanager
def _measured(stage: str) -> Iterator[None]:
    """Count the time of a stage, whether it succeeds or not."""
    started = time.perf_counter()
    try:
        yield
    finally:
        metrics.RENDER.labels(LANE, stage).observe(time.perf_counter() - started)
