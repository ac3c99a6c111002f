"""Printing each document in a fresh context, as both the raw loop and the classic way do."""

import base64
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

from playwright.async_api import Browser, Page

from tests.benchmarks._printing import rate_of


class FreshPrinter:
    """A fresh context with a page for each document, JavaScript on.

    Args:
        browser: a running Chromium.
        at_once: documents in work at a time.
        load: puts a document into a page.
        arguments: of `page.pdf`.
    """

    def __init__(
        self,
        browser: Browser,
        at_once: int,
        load: Callable[[Page, str], Awaitable[None]],
        arguments: dict[str, Any],
    ) -> None:
        self._browser = browser
        self._at_once = at_once
        self._load = load
        self._arguments = arguments

    async def rate(self, documents: Sequence[str]) -> float:
        """Documents a second."""
        return await rate_of([self._print] * self._at_once, documents)

    async def _print(self, waiting: Iterator[str]) -> None:
        for html in waiting:
            context = await self._browser.new_context()
            page = await context.new_page()
            await self._load(page, html)
            await page.pdf(**self._arguments)
            await context.close()


async def set_content(page: Page, html: str) -> None:
    """The quickest way."""
    await page.set_content(html)


async def goto(page: Page, html: str) -> None:
    """By an address, as services that take one do."""
    document = base64.b64encode(html.encode()).decode()
    await page.goto(f"data:text/html;charset=utf-8;base64,{document}")
