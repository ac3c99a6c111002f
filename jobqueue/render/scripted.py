"""The scripted lane: documents with scripts, and images, each in a page of its own.

Its browser is started when the first of them comes: who prints static documents only
pays nothing for it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jobqueue.render.lane import Lane
from jobqueue.render.live_page import LivePage
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

    def close(self) -> None:
        """Turn away everybody who waits or comes."""
        self.lane.close()
