"""A warm page: prints one document after another, as long as nothing odd happens to it."""

import asyncio
import time

from playwright import async_api
from typing_extensions import override

from jobqueue.render import omissions
from jobqueue.render.browser import Browser, ContextSettings
from jobqueue.render.failures import resource_failed
from jobqueue.render.lane_page import CLEAN_DEADLINE, LanePage, OpenedPage, leads_away, measured
from jobqueue.render.options import RenderOptions
from jobqueue.render.printing import print_parameters
from jobqueue.render.tab import PdfStream, Tab
from jobqueue.render.waiting import until_fonts

LONG = 1.0
"""Seconds of rendering after which a page is worn. A renderer keeps most of the memory that
a large document took, up to 400 MB a second, and the next large one would be blamed for it."""

MAX_FAILED = 100
"""Addresses remembered of what did not load; a document may name any number."""

_FIRST = "<!doctype html><meta charset=utf-8><p>ready"
_FIRST_LIMIT = 1024 * 1024
_BROKEN_IMAGES = f"""() => [...document.querySelectorAll('img, image')].filter(
    i => i instanceof HTMLImageElement ? i.complete && !i.naturalWidth : !i.href.baseVal
        .startsWith('data:')).map(i => i.currentSrc || i.getAttribute('src')
        || i.getAttribute('href') || i.getAttribute('xlink:href')).filter(Boolean)
        .slice(0, {MAX_FAILED}).map(a => a.slice(0, 500))"""


class WarmPage(LanePage):
    """A page without scripts, which prints many documents."""

    lane = "static"
    settings = ContextSettings()

    def __init__(self, opened: OpenedPage) -> None:
        super().__init__(opened)
        self._failed: list[str] = []
        opened.page.on("request", self._notice_request)
        opened.page.on("requestfailed", self._notice_failure)
        opened.page.on("framenavigated", self._notice_navigation)

    @classmethod
    @override
    async def prove(cls, browser: Browser, tab: Tab) -> None:
        await tab.load(_FIRST, waits=True)
        await (await tab.print({})).fetch(_FIRST_LIMIT)

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
                with measured(self.lane, "load"):
                    await self._tab.show_as(options.shown_media, options.color_scheme)
                    await self._tab.load(html, waits=not plain)
                    if not plain and omissions.brings_fonts(html):
                        await until_fonts(self._tab)
                broken = [] if plain else await self._broken_images(html)
                with measured(self.lane, "print"):
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
            raise leads_away()
        missing = [*self._failed, *broken]
        if options.fail_on_resource_failure and missing:
            pdf.discard()
            raise resource_failed(omissions.shorten(missing[0]), "")
        if plain and not self._failed:
            return pdf, ()
        return pdf, omissions.list_omissions(html, failed=self._failed, broken_images=broken)

    async def _broken_images(self, html: str) -> list[str]:
        if not omissions.shows_images(html):
            return []
        addresses: list[str] = await self._page.evaluate(_BROKEN_IMAGES)
        return addresses

    @override
    async def clean(self) -> None:
        if not self.has_traces or self.spoiled:
            return
        try:
            async with asyncio.timeout(CLEAN_DEADLINE):
                await self._page.goto("about:blank")
        except Exception:  # noqa: BLE001 - a page that cannot be cleaned is replaced, whatever it says
            self.spoiled = True
        self.has_traces = False
