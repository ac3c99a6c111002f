"""Where pages come from: launches browsers, replaces them before and after their end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import structlog

from jobqueue import metrics
from jobqueue.render.browser import Browser
from jobqueue.render.failures import BrowserLost
from jobqueue.render.lane_page import LanePage

MAX_BROWSER_RENDERS = 10_000
"""Documents after which a browser is replaced: it grows by 2 MB in 4000, and its driver by 10."""

MAX_BROWSER_AGE = 3600.0
"""Seconds after which a browser is replaced, however little it has done."""

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 10.0
"""Seconds between failed attempts to get a page, doubling from the first to the longest."""

_log = structlog.get_logger(__name__)

Launcher = Callable[[], Awaitable[Browser]]
P = TypeVar("P", bound=LanePage)
Q = TypeVar("Q", bound=LanePage)


class PageSupply(Generic[P]):
    """Opens pages in the current browser, and sees to it that there is one.

    Args:
        launch: starts a browser.
        page_type: of the pages.
        max_renders: documents after which a browser is replaced.
        max_age: seconds after which a browser is replaced.

    Attributes:
        problem: why there is no page to be had at the moment; None when there is.
        browser: the current one.
    """

    def __init__(
        self,
        launch: Launcher,
        page_type: type[P],
        *,
        max_renders: int = MAX_BROWSER_RENDERS,
        max_age: float = MAX_BROWSER_AGE,
    ) -> None:
        self.problem: str | None = None
        self.browser: Browser | None = None
        self._launch = launch
        self._page_type = page_type
        self._max_renders = max_renders
        self._max_age = max_age
        self._lock = asyncio.Lock()
        self._pages: dict[LanePage, Browser] = {}
        self._browsers: set[Browser] = set()

    @property
    def lane(self) -> str:
        """Name of the lane that it supplies."""
        return self._page_type.lane

    async def start(self) -> P:
        """Launch the first browser and open its first page; raises what goes wrong."""
        return await self.open(self._page_type.open)

    async def page(self) -> P:
        """A fresh page; tries again, ever more slowly, until there is one."""
        pause = _FIRST_PAUSE
        while True:
            try:
                page = await self.open(self._page_type.open)
            except Exception as error:  # noqa: BLE001 - whatever it is, the queue goes on after it
                self.problem = f"Chromium cannot be used: {str(error) or type(error).__name__}"
                _log.warning("browser_page_failed", error=self.problem, retry_in=pause)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                return page

    async def open(self, open_page: Callable[[Browser], Awaitable[Q]]) -> Q:
        """A page, opened as the caller wants; it is to be taken back.

        Raises:
            Exception: whatever keeps the browser from starting or the page from opening.
        """
        async with self._lock:
            browser = await self._current()
            try:
                page = await open_page(browser)
            except Exception:
                browser.loss.happen()  # it does not answer as it should
                raise
            self._pages[page] = browser
            self.problem = None
            return page

    async def _current(self) -> Browser:
        """The browser for new pages."""
        if self.browser is None or not self.browser.alive:
            await self._replace("lost")
        browser = self.browser
        if browser is None:
            raise BrowserLost("the renderer is shutting down")
        return browser

    async def _replace(self, reason: str) -> None:
        """Start a browser, and stop the old one when its last page is back."""
        old = self.browser
        if old is not None:
            metrics.BROWSER_RESTARTS.labels(reason).inc()
            _log.info("browser_replaced", reason=reason, renders=old.renders)
        self.browser = await self._launch()
        self._browsers.add(self.browser)
        await self._close_unused()

    async def renew(self) -> bool:
        """Start the successor of a browser that has done enough; whether there is one now.

        All pages stay in use meanwhile. While it cannot be started the old one goes on.
        """
        try:
            async with self._lock:
                reason = self._wear()
                if reason is None:
                    return False
                await self._replace(reason)
        except Exception as error:  # noqa: BLE001 - whatever it is, the old one still works
            _log.warning("browser_not_replaced", error=str(error), retry_in=_LONGEST_PAUSE)
            await asyncio.sleep(_LONGEST_PAUSE)
            return False
        return True

    def _wear(self) -> str | None:
        """Why the current browser should be replaced though it works; None: it need not."""
        browser = self.browser
        if browser is None or not browser.alive:
            return None
        if browser.renders >= self._max_renders:
            return "worn"
        if browser.age >= self._max_age:
            return "old"
        return "large" if browser.large else None

    def hold_memory(self) -> None:
        """Keep the renderers of all browsers within their memory."""
        for browser in self._browsers:
            browser.hold_memory()

    def is_outdated(self, page: LanePage) -> bool:
        """Whether a page should be replaced for its browser's sake."""
        return self._pages[page] is not self.browser

    async def take_back(self, page: LanePage) -> None:
        """Close a page for good, and its browser when it was the last one of an old one."""
        await page.close()
        self._pages.pop(page, None)
        await self._close_unused()

    async def _close_unused(self) -> None:
        used = {self.browser, *self._pages.values()}
        for browser in self._browsers - used:
            self._browsers.discard(browser)
            await browser.close()

    async def close(self) -> None:
        """End all browsers."""
        self.browser = None
        self._pages.clear()
        await self._close_unused()
