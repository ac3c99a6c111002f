"""The limit of this machine: Playwright printing documents in a loop and doing nothing else."""

import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any

from playwright.async_api import Page, async_playwright

from jobqueue.render.chromium import STATIC_FLAGS, DeadProxy, environment
from jobqueue.render.options import RenderOptions
from tests.benchmarks._printing import rate_of
from tests.support.playwright_pdf import pdf_arguments


class PlainPrinter:
    """Pages that are used again and again, JavaScript off.

    Args:
        pages: how many print at once.
        arguments: of `page.pdf`.
    """

    def __init__(self, pages: Sequence[Page], arguments: dict[str, Any]) -> None:
        self._pages = pages
        self._arguments = arguments

    async def rate(self, documents: Sequence[str]) -> float:
        """Documents a second, each loaded and printed once by the next page that is free."""
        return await rate_of([partial(self._print, page) for page in self._pages], documents)

    async def _print(self, page: Page, waiting: Iterator[str]) -> None:
        for html in waiting:
            await page.set_content(html)
            await page.pdf(**self._arguments)


@asynccontextmanager
async def plain_printer(
    chromium: Path, *, pages: int, options: RenderOptions
) -> AsyncIterator[PlainPrinter]:
    """A Chromium with the flags of the render pool and `pages` pages."""
    with closing(DeadProxy()) as proxy, tempfile.TemporaryDirectory(prefix="jq-bench-") as folder:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=chromium,
                args=[*STATIC_FLAGS, proxy.flag],
                chromium_sandbox=False,
                env=environment(Path(folder)),
            )
            contexts = [await browser.new_context(java_script_enabled=False) for _ in range(pages)]
            yield PlainPrinter(
                [await context.new_page() for context in contexts], pdf_arguments(options)
            )
            await browser.close()
