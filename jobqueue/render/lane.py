"""A lane: pages that are kept ready, lent out in order of arrival, over all lanes together."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from jobqueue.render.failures import BrowserLost, RenderTimeout
from jobqueue.render.lane_page import LanePage, measured
from jobqueue.render.slots import Slots, Turn
from jobqueue.render.supply import PageSupply

MAX_PAGE_RENDERS = 1000
"""Documents after which a page is replaced. Its renderer grows by 0.06 MB with each that has an
image, hardly with others; a fresh one costs as much as 10 documents."""


P = TypeVar("P", bound=LanePage)


class Lane(Generic[P]):
    """Lends pages to jobs. Each page has a keeper, a task that always has one to offer.

    Args:
        supply: where pages come from.
        slots: those of all lanes; a job has one while Chromium works for it.
        max_renders: documents after which a page is replaced.
    """

    def __init__(
        self, supply: PageSupply[P], slots: Slots, *, max_renders: int = MAX_PAGE_RENDERS
    ) -> None:
        self._supply = supply
        self._slots = slots
        self._max_renders = max_renders
        self._idle: deque[P] = deque()
        self._waiting: deque[asyncio.Future[P]] = deque()
        self._closed = False

    async def keep(self, page: P | None = None) -> None:
        """Be the keeper of one page, until cancelled.

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

    async def renew(self) -> None:
        """Start the successor of a browser that has done enough, and replace its idle pages.

        Those that a job has are replaced when it gives them back.
        """
        if not await self._supply.renew():
            return
        for page in [each for each in self._idle if self._supply.is_outdated(each)]:
            self._idle.remove(page)
            page.needs_care.set()

    def _is_done_with(self, page: P) -> bool:
        return (
            page.spoiled
            or page.worn
            or page.renders >= self._max_renders
            or self._supply.is_outdated(page)
        )

    def _offer(self, page: P) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                page.lend()
                waiter.set_result(page)
                return
        self._idle.append(page)

    def _give_back(self, page: P) -> None:
        """End a job's use of a page: straight to the next job, or to its keeper first."""
        page.end_of_use()
        if page.has_traces or self._is_done_with(page):
            page.needs_care.set()
        else:
            self._offer(page)

    @asynccontextmanager
    async def borrow(self, deadline: float) -> AsyncIterator[P]:
        """A page and a slot, for as long as the block takes.

        Args:
            deadline: when to give up waiting, in the loop's time.

        Raises:
            RenderTimeout: no page became free in time.
            BrowserLost: the lane is closed.
        """
        turn = Turn(self._slots)
        try:
            async with self._waiting_until(deadline):
                page = await self._take(turn)
            try:
                page.turn = turn
                yield page
            finally:
                self._give_back(page)
        finally:
            turn.give_back()

    @asynccontextmanager
    async def borrow_slot(self, deadline: float) -> AsyncIterator[Turn]:
        """A slot without a page, otherwise like `borrow`."""
        turn = Turn(self._slots)
        try:
            async with self._waiting_until(deadline):
                await turn.take()
            if self._closed:
                raise _shutting_down()
            yield turn
        finally:
            turn.give_back()

    @asynccontextmanager
    async def _waiting_until(self, deadline: float) -> AsyncIterator[None]:
        try:
            with measured(self._supply.lane, "wait"):
                async with asyncio.timeout_at(deadline):
                    yield
        except TimeoutError:
            reason = self._supply.problem or "all pages are busy"
            raise RenderTimeout(f"no browser page became free in time: {reason}") from None

    async def _take(self, turn: Turn) -> P:
        """A page with a slot; who waits for a page to be opened holds no slot meanwhile."""
        await turn.take()
        page = self._take_idle()
        if page is not None:
            return page
        turn.give_back()
        page = await self._wait_for_page()
        try:
            await turn.take(first=True)
        except BaseException:
            self._give_back(page)
            raise
        return page

    def _take_idle(self) -> P | None:
        if self._closed:
            raise _shutting_down()
        while self._idle:
            page = self._idle.popleft()
            if not page.spoiled:
                page.lend()
                return page
        return None

    async def _wait_for_page(self) -> P:
        waiter: asyncio.Future[P] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            return await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._give_back(waiter.result())  # it came in the very moment of giving up
            raise

    def close(self) -> None:
        """Turn away everybody who waits or comes."""
        self._closed = True
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(_shutting_down())
        self._waiting.clear()


def _shutting_down() -> BrowserLost:
    return BrowserLost("the renderer is shutting down")
