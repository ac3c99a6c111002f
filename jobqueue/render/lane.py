"""The static lane: as many warm pages as there are slots, lent out first come first served."""

import asyncio
from collections import deque

from jobqueue.render.failures import BrowserLost, RenderTimeout
from jobqueue.render.page import WarmPage
from jobqueue.render.supply import PageSupply

MAX_PAGE_RENDERS = 1000
"""Documents after which a page is replaced. Its renderer grows by 0.06 MB with each that has an
image, hardly with others; a fresh one costs as much as 10 documents."""


class Lane:
    """Lends pages to jobs. Each slot has a keeper, a task that always has a page to offer."""

    def __init__(self, supply: PageSupply, *, max_renders: int = MAX_PAGE_RENDERS) -> None:
        self._supply = supply
        self._max_renders = max_renders
        self._idle: deque[WarmPage] = deque()
        self._waiting: deque[asyncio.Future[WarmPage]] = deque()
        self._closed = False

    async def keep(self, page: WarmPage | None = None) -> None:
        """Be the keeper of one slot, until cancelled.

        Args:
            page: the first page to offer; a fresh one when None.
        """
        while True:
            page = page or await self._supply.page()
            self._offer(page)
            await page.needs_care.wait()
            page.needs_care.clear()
            await page.clean()
            if self._is_done_with(page):
                if page in self._idle:
                    self._idle.remove(page)
                await self._supply.take_back(page)
                page = None

    def retire(self) -> None:
        """Give pages of an old browser to their keepers, as far as no job has them."""
        for page in [each for each in self._idle if self._supply.is_outdated(each)]:
            self._idle.remove(page)
            page.needs_care.set()

    def _is_done_with(self, page: WarmPage) -> bool:
        return (
            page.spoiled
            or page.worn
            or page.renders >= self._max_renders
            or self._supply.is_outdated(page)
        )

    def _offer(self, page: WarmPage) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                page.lend()
                waiter.set_result(page)
                return
        self._idle.append(page)

    def give_back(self, page: WarmPage) -> None:
        """End a job's use of a page: straight to the next job, or to its keeper first."""
        page.end_of_use()
        if page.has_traces or self._is_done_with(page):
            page.needs_care.set()
        else:
            self._offer(page)

    async def take(self, deadline: float) -> WarmPage:
        """Borrow a page, until `give_back`.

        Args:
            deadline: when to give up, in the loop's time.

        Raises:
            RenderTimeout: no page became free in time.
            BrowserLost: the lane is closed.
        """
        if self._closed:
            raise BrowserLost("the renderer is shutting down")
        while self._idle:
            page = self._idle.popleft()
            if not page.spoiled:
                page.lend()
                return page
        waiter: asyncio.Future[WarmPage] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout_at(deadline):
                return await waiter
        except BaseException as error:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.give_back(waiter.result())  # it came in the very moment of giving up
            if isinstance(error, TimeoutError):
                reason = self._supply.problem or "all pages are busy"
                raise RenderTimeout(f"no browser page became free in time: {reason}") from None
            raise

    def close(self) -> None:
        """Turn away everybody who waits or comes."""
        self._closed = True
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(BrowserLost("the renderer is shutting down"))
        self._waiting.clear()
