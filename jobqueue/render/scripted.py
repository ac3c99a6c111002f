"""The scripted lane: documents with scripts, and images, each in a page of its own.

Its browser is started when the first of them comes: who prints static documents only
pays nothing for it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jobqueue.render.failures import BrowserLost, RenderTimeout
from jobqueue.render.lane import Lane
from jobqueue.render.live_page import LivePage
from jobqueue.render.networked import NetworkedPage, Visit
from jobqueue.render.slots import Slots
from jobqueue.render.supply import MAX_BROWSER_AGE, Launcher, PageSupply

MAX_SCRIPTED_RENDERS = 1000
"""Documents after which a browser is replaced: it grows by 4 MB in 240, its driver by 40."""

AHEAD = 1
"""Pages kept ready beyond one a slot: while one is closed and opened again, it hides the 0.1 s
that this takes; an idle page takes 20 MB."""


class ScriptedLane:
    """Lends live pages.

    Args:
        launch: starts a browser that draws frames.
        slots: those of all lanes.
        number: how many slots there are.
        max_renders: documents after which a browser is replaced.
        max_age: seconds after which a browser is replaced.

    Attributes:
        supply: of its pages.
        lane: lends them.
    """

    def __init__(
        self,
        launch: Launcher,
        slots: Slots,
        *,
        number: int,
        max_renders: int = MAX_SCRIPTED_RENDERS,
        max_age: float = MAX_BROWSER_AGE,
    ) -> None:
        self.supply = PageSupply(launch, LivePage, max_renders=max_renders, max_age=max_age)
        self.lane = Lane(self.supply, slots)
        self._number = number
        self._needed = asyncio.Event()
        self._leaving: set[asyncio.Task[None]] = set()

    async def keep(self) -> None:
        """Keep pages ready from the first need on, until cancelled."""
        await self._needed.wait()
        async with asyncio.TaskGroup() as keepers:
            for _ in range(self._number + AHEAD):
                keepers.create_task(self.lane.keep())

    @asynccontextmanager
    async def borrow(self, deadline: float) -> AsyncIterator[LivePage]:
        """See `Lane.borrow`."""
        self._needed.set()
        async with self.lane.borrow(deadline) as page:
            yield page

    @asynccontextmanager
    async def visit(self, visit: Visit, deadline: float) -> AsyncIterator[NetworkedPage]:
        """A page for a visit, with a slot.

        Args:
            visit: what the page will load.
            deadline: when to give up waiting, in the loop's time.

        Raises:
            RenderTimeout: there is no page in time.
            BrowserLost: Chromium does not start, or opens none.
        """
        async with self.lane.borrow_slot(deadline) as turn:
            page = await self._open(visit, deadline)
            page.turn = turn
            page.lend()
            try:
                yield page
            finally:
                page.end_of_use()
                self._let_go(page)

    async def _open(self, visit: Visit, deadline: float) -> NetworkedPage:
        whole = asyncio.timeout_at(deadline)
        try:
            async with whole:
                return await self.supply.open(lambda each: NetworkedPage.of(each, visit))
        except BrowserLost:
            raise
        except Exception as error:
            if whole.expired():
                raise RenderTimeout("no browser page was opened in time") from None
            raise BrowserLost(f"Chromium opened no page ({error})") from error

    def _let_go(self, page: NetworkedPage) -> None:
        """Close a page behind its job's back: one that is busy takes its time."""
        task = asyncio.create_task(self.supply.take_back(page))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def close(self) -> None:
        """Turn away everybody who waits or comes."""
        self.lane.close()
