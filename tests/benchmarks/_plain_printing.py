"""The limit of this machine: Playwright printing documents in a loop and doing nothing else.

For the static lane pages without scripts that are used again; for the scripted lane a fresh context
for each document. Chromium has the flags of the lane.
"""

import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from jobqueue.render.chromium import SCRIPTED_FLAGS, STATIC_FLAGS, DeadProxy, environment
from jobqueue.render.options import RenderOptions
from tests.benchmarks._fresh_printing import FreshPrinter, set_content
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
    """A Chromium of the static lane with `pages` pages."""
    async with _running(chromium, STATIC_FLAGS) as browser:
        contexts = [await browser.new_context(java_script_enabled=False) for _ in range(pages)]
        yield PlainPrinter(
            [await context.new_page() for context in contexts], pdf_arguments(options)
        )


@asynccontextmanager
async def fresh_printer(
    chromium: Path, *, at_once: int, options: RenderOptions
) -> AsyncIterator[FreshPrinter]:
    """A Chromium of the scripted lane that makes `at_once` documents at a time."""
    async with _running(chromium, SCRIPTED_FLAGS) as browser:
        yield FreshPrinter(browser, at_once, set_content, pdf_arguments(options))


@asynccontextmanager
async def _running(chromium: Path, flags: Sequence[str]) -> AsyncIterator[Browser]:
    with closing(DeadProxy()) as proxy, tempfile.TemporaryDirectory(prefix="jq-bench-") as folder:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=chromium,
                args=[*flags, proxy.flag],
                chromium_sandbox=False,
                env=environment(Path(folder)),
            )
            yield browser
            await browser.close()
