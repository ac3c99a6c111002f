"""What the pages of both lanes have in common: how they open, are lent, fail, and close."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import ClassVar, NamedTuple, Self

import structlog
from playwright import async_api

from jobqueue import metrics
from jobqueue.errors import Unrecoverable
from jobqueue.render.browser import Browser, ContextSettings
from jobqueue.render.failures import RENDER_FAILED, blame_chromium, blame_options, blame_size
from jobqueue.render.loss import Loss
from jobqueue.render.options import RenderOptions
from jobqueue.render.slots import Turn
from jobqueue.render.tab import Tab

OPEN_DEADLINE = 15.0
"""Seconds for a new page to open and prove that it works: 0.2 s is usual."""

CLEAN_DEADLINE = 5.0
"""Seconds for a page to be emptied, or closed with whatever still runs in it."""

FETCH_DEADLINE = 30.0
"""Seconds that a page is kept for a document that is being fetched: 512 MiB take 16 s."""

CRASH_NEWS = 0.5
"""Seconds to wait for the news of a crash after an error that may stem from one."""

_log = structlog.get_logger(__name__)

_LEADS_AWAY = "the document leads to another address by itself (a meta refresh or a script)"


class OpenedPage(NamedTuple):
    """A page with all that belongs to it; its `loss` is that of its renderer or its browser."""

    browser: Browser
    context: async_api.BrowserContext
    page: async_api.Page
    tab: Tab
    loss: Loss


class LanePage:
    """One page of one browser, with a context of its own. Make one with `open`.

    It belongs to a lane, which lends it to one job at a time.

    Attributes:
        lane: name of the lane, for metrics.
        settings: of its context.
        renders: documents made so far.
        worn: set when the page should not get another document.
        spoiled: set when the page must not get another document.
        has_traces: set when the page must be cleaned before the next document.
        needs_care: set when the page's keeper shall look after it.
        turn: the slot of the job that has the page.
    """

    lane: ClassVar[str]
    settings: ClassVar[ContextSettings]
    turn: Turn

    def __init__(self, opened: OpenedPage) -> None:
        self.renders = 0
        self.worn = False
        self.spoiled = False
        self.has_traces = False
        self.needs_care = asyncio.Event()
        self._browser, self._context, self._page, self._tab, self._loss = opened
        self._lent = False
        self._moved = False
        self._memory_kills = 0
        self._browser.loss.tell(self._loss.happen)
        self._loss.tell(self._spoil)

    @classmethod
    async def open(cls, browser: Browser, settings: ContextSettings | None = None) -> Self:
        """A page that has proved that it works.

        Args:
            browser: where.
            settings: of its context; those of all such pages when None.

        Raises:
            async_api.Error, TimeoutError: the browser gives none.
        """
        async with asyncio.timeout(OPEN_DEADLINE), browser.loss.interrupts():
            context = await browser.new_context(settings or cls.settings)
            try:
                loss = _crash_in(context)
                async with loss.interrupts():
                    page = await context.new_page()
                    tab = await Tab.of(page)
                    await cls.prove(browser, tab)
            except BaseException:
                await _close(browser, context)
                raise
        return cls(OpenedPage(browser, context, page, tab, loss))

    @classmethod
    async def prove(cls, browser: Browser, tab: Tab) -> None:
        """See whether a fresh page works; raises what goes wrong."""
        raise NotImplementedError

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

    async def clean(self) -> None:
        """Empty the page, when its last document may have left something in it."""

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
                return leads_away()
        if self._browser.memory_kills > self._memory_kills:
            return blame_size(self._browser.memory_limit)
        return blame_chromium(error, options, crashed=self._loss.happened)

    async def close(self) -> None:
        """Close the page, whatever still runs in it; a browser that does not do it is lost."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FETCH_DEADLINE), self._browser.loss.interrupts():
                await self._tab.all_fetched()
        self._browser.loss.forget(self._loss.happen)
        if not await _close(self._browser, self._context):
            self._browser.loss.happen()


def leads_away() -> Unrecoverable:
    """What to raise when a document replaces itself by another address."""
    return Unrecoverable(RENDER_FAILED, _LEADS_AWAY)


@contextmanager
def measured(lane: str, stage: str) -> Iterator[None]:
    """Count the time of a stage, whether it succeeds or not."""
    started = time.perf_counter()
    try:
        yield
    finally:
        metrics.RENDER.labels(lane, stage).observe(time.perf_counter() - started)


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
