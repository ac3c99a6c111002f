"""What a page loads: what is under way, and what was not had."""

import asyncio

from playwright import async_api

QUIET = 0.5
"""Seconds without a request after which the network counts as idle, as Puppeteer has it."""

MAX_FAILED = 100
"""Addresses remembered of what did not load; a document may name any number."""


class Traffic:
    """Follows the requests of a page.

    Attributes:
        failed: why each address was not had, in Chromium's words; oldest first.
    """

    def __init__(self, page: async_api.Page) -> None:
        self.failed: dict[str, str] = {}
        self._under_way: set[async_api.Request] = set()
        self._changed = asyncio.Event()
        page.on("request", self._notice_begin)
        page.on("requestfinished", self._notice_end)
        page.on("requestfailed", self._notice_failure)

    def _notice_begin(self, request: async_api.Request) -> None:
        self._under_way.add(request)
        self._changed.set()

    def _notice_end(self, request: async_api.Request) -> None:
        self._under_way.discard(request)
        self._changed.set()

    def _notice_failure(self, request: async_api.Request) -> None:
        if len(self.failed) < MAX_FAILED:
            self.failed.setdefault(request.url, request.failure or "")
        self._notice_end(request)

    async def idle(self) -> None:
        """Wait until nothing has been loading for a while."""
        while True:
            self._changed.clear()
            try:
                async with asyncio.timeout(None if self._under_way else QUIET):
                    await self._changed.wait()
            except TimeoutError:
                return
