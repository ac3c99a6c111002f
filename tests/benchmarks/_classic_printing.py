"""How services around a browser usually print: a fresh context a document, `goto`, `page.pdf`."""

import base64
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright

from jobqueue.render.chromium import environment
from jobqueue.render.options import RenderOptions
from tests.benchmarks._printing import rate_of
from tests.support.playwright_pdf import pdf_arguments


class ClassicPrinter:
    """Prints with default flags and JavaScript on.

    Args:
        browser: a running Chromium.
        at_once: documents in work at a time.
        arguments: of `page.pdf`.
    """

    def __init__(self, browser: Browser, at_once: int, arguments: dict[str, Any]) -> None:
        self._browser = browser
        self._at_once = at_once
        self._arguments = arguments

    async def rate(self, documents: Sequence[str]) -> float:
        """Documents a second."""
        return await rate_of([self._print] * self._at_once, documents)

    async def _print(self, waiting: Iterator[str]) -> None:
        for html in waiting:
            context = await self._browser.new_context()
            page = await context.new_page()
            document = base64.b64encode(html.encode()).decode()
            await page.goto(f"data:text/html;charset=utf-8;base64,{document}")
            await page.pdf(**self._arguments)
            await context.close()


@asynccontextmanager
async def classic_printer(
    chromium: Path, *, at_once: int, options: RenderOptions
) -> AsyncIterator[ClassicPrinter]:
    """A Chromium as Playwright starts it."""
    with tempfile.TemporaryDirectory(prefix="jq-bench-") as folder:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=chromium, chromium_sandbox=False, env=environment(Path(folder))
            )
            yield ClassicPrinter(browser, at_once, pdf_arguments(options))
            await browser.close()
