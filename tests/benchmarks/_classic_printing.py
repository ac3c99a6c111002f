"""How services around a browser usually print: a fresh context a document, `goto`, `page.pdf`."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import async_playwright

from jobqueue.render.chromium import environment
from jobqueue.render.options import RenderOptions
from tests.benchmarks._fresh_printing import FreshPrinter, goto
from tests.support.playwright_pdf import pdf_arguments


@asynccontextmanager
async def classic_printer(
    chromium: Path, *, at_once: int, options: RenderOptions
) -> AsyncIterator[FreshPrinter]:
    """A Chromium as Playwright starts it."""
    with tempfile.TemporaryDirectory(prefix="jq-bench-") as folder:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=chromium, chromium_sandbox=False, env=environment(Path(folder))
            )
            yield FreshPrinter(browser, at_once, goto, pdf_arguments(options))
            await browser.close()
