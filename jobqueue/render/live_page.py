"""A live page: runs the scripts of one document and draws its frames, then it is thrown away."""

import asyncio
from contextlib import suppress
from typing import Any

from playwright import async_api
from typing_extensions import override

from jobqueue.errors import Unrecoverable
from jobqueue.render import omissions, waiting
from jobqueue.render.browser import Browser, ContextSettings
from jobqueue.render.capture import capture, draw, html_of, last_look
from jobqueue.render.console import Console
from jobqueue.render.emulation import prepare
from jobqueue.render.failures import (
    RENDER_FAILED,
    SCRIPT_FAILED,
    PageFailed,
    RenderTimeout,
    resource_failed,
    too_slow,
)
from jobqueue.render.lane_page import CRASH_NEWS, LanePage, OpenedPage, leads_away, measured
from jobqueue.render.long_page import long_page_parameters
from jobqueue.render.options import RenderOptions
from jobqueue.render.printing import print_parameters
from jobqueue.render.tab import PdfStream, Tab
from jobqueue.render.traffic import Traffic

_FRAME = "new Promise(drawn => requestAnimationFrame(() => drawn(1)))"
_CLOSED = "the document closed its own window (window.close)"

Made = PdfStream | bytes
"""A PDF that is still to be fetched, or an image or a text."""


class LivePage(LanePage):
    """A page for one document, whose context holds nothing else before or after."""

    lane = "scripted"
    settings = ContextSettings(javascript=True, live=True)

    def __init__(self, opened: OpenedPage) -> None:
        super().__init__(opened)
        self._closed_itself = False
        self._doing = ""
        self._console = Console(opened.page)
        self._traffic = Traffic(opened.page)
        opened.page.on("close", self._notice_close)
        opened.tab.session.on("Page.frameNavigated", self._notice_navigation)

    @classmethod
    @override
    async def prove(cls, browser: Browser, tab: Tab) -> None:
        await tab.session.send("Page.enable")
        if not browser.draws:
            # Without frames charts would be blank and images impossible.
            await tab.session.send("Runtime.evaluate", {"expression": _FRAME, "awaitPromise": True})
            browser.draws = True

    def _notice_close(self, _: async_api.Page) -> None:
        self._closed_itself = not self._loss.happened
        self._loss.happen()

    def _notice_navigation(self, event: dict[str, Any]) -> None:
        if "parentId" not in event["frame"]:
            self._moved = True
            self._loss.happen()

    @override
    def lend(self) -> None:
        super().lend()
        self.worn = True
        self._browser.renders += 1

    async def render(
        self, document: str, options: RenderOptions, deadline: float
    ) -> tuple[Made, tuple[str, ...]]:
        """What the options ask for, and what was left out of it; the page must be lent.

        Args:
            document: its HTML, complete.
            options: checked ones.
            deadline: when to give up, in the loop's time.

        Raises:
            Unrecoverable: the document cannot be made with these options.
            RenderTimeout: it takes longer; has a picture of what is there, if there is one.
            BrowserLost, PrintingFailed: another try may succeed.
        """
        self._memory_kills = self._browser.memory_kills
        given = deadline - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(deadline):
                made = await self._make(document, options)
        except TimeoutError:
            raise await self._too_slow(given) from None
        self.renders += 1
        return made, self._warnings()

    async def _make(self, document: str, options: RenderOptions) -> Made:
        try:
            async with self._loss.interrupts():
                with measured(self.lane, "load"):
                    self._doing = "loading it and running its scripts"
                    await prepare(self._tab, options)
                    await self._enter(document, options)
                with measured(self.lane, "settle"):
                    async with self.turn.rest():
                        await self._settle(document, options)
                self._check(options)
                with measured(self.lane, "print"):
                    self._doing = f"making the {options.output}"
                    return await self._output(options)
        except PageFailed:
            raise
        except Unrecoverable as error:
            raise self._quoting(error) from error
        except Exception as error:
            raise await self._explain(error, options) from error

    def _quoting(self, error: Unrecoverable) -> Unrecoverable:
        return Unrecoverable(error.code, f"{error}{self._console.quoted()}")

    async def _enter(self, document: str, options: RenderOptions) -> None:  # noqa: ARG002 - for those that are loaded
        """Put the document into the page, and wait for its load event."""
        loaded = asyncio.Event()
        self._tab.session.on("Page.loadEventFired", lambda _: loaded.set())
        await self._tab.session.send(
            "Page.setDocumentContent", {"frameId": self._tab.frame_id, "html": document}
        )
        await loaded.wait()

    async def _settle(self, document: str, options: RenderOptions) -> None:
        """Wait for all that the options name, then for fonts, images and a frame."""
        if options.wait_network_idle:
            self._doing = "wait_network_idle"
            await self._traffic.idle()
        if options.wait_selector is not None:
            self._doing = f"wait_selector {omissions.shorten(options.wait_selector)!r}"
            await waiting.until_visible(self._page, options.wait_selector)
        if options.wait_expression is not None:
            self._doing = f"wait_expression {omissions.shorten(options.wait_expression)!r}"
            await waiting.until_true(self._tab, options.wait_expression)
        if options.wait_delay is not None:
            self._doing = "wait_delay"
            await asyncio.sleep(options.wait_delay)
        self._doing = "waiting for fonts and images"
        goes_on = options.javascript and self._may_go_on(document)
        if goes_on or self._may_decode(document):
            await waiting.until_drawable(self._tab, at_rest=goes_on)

    def _may_go_on(self, document: str) -> bool:
        return omissions.may_go_on(document)

    def _may_decode(self, document: str) -> bool:
        return omissions.may_decode(document)

    def _check(self, options: RenderOptions) -> None:
        if options.fail_on_console_exception and self._console.exceptions:
            failed = self._console.exceptions[0]
            raise Unrecoverable(SCRIPT_FAILED, f"a script of the document failed: {failed}")
        if options.fail_on_resource_failure and self._traffic.failed:
            address, reason = next(iter(self._traffic.failed.items()))
            raise resource_failed(omissions.shorten(address), reason)

    async def _output(self, options: RenderOptions) -> Made:
        if options.output == "html":
            return await html_of(self._tab)
        if options.output != "pdf":
            return await capture(self._tab, await draw(self._tab, options))
        if options.single_page:
            return await self._tab.print(await long_page_parameters(self._tab, options))
        return await self._tab.print(print_parameters(options))

    def _warnings(self) -> tuple[str, ...]:
        return omissions.list_losses(self._traffic.failed, self._console.exceptions)

    async def _too_slow(self, given: float) -> RenderTimeout:
        doing = f"{self._doing}{self._console.quoted()}"
        return too_slow(given, doing, await last_look(self._tab))

    @override
    async def _explain(self, error: Exception, options: RenderOptions) -> Exception:
        if self._moved:
            return leads_away()
        if self._closed_itself and not await self._browser_is_lost():
            return Unrecoverable(RENDER_FAILED, _CLOSED)
        return await super()._explain(error, options)

    async def _browser_is_lost(self) -> bool:
        """Whether the page went with its browser; that news may come after the page's."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CRASH_NEWS):
                await self._browser.loss.wait()
        return self._browser.loss.happened
