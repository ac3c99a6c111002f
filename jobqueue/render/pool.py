"""The render pool: what the rest of the program sees of the browsers."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import structlog
from playwright import async_api

from jobqueue import metrics
from jobqueue.errors import SettingsError
from jobqueue.render.browser import Browser
from jobqueue.render.chromium import HOW_TO_INSTALL, DeadProxy, find_chromium
from jobqueue.render.failures import RenderTimeout
from jobqueue.render.folder import sweep
from jobqueue.render.lane import MAX_PAGE_RENDERS, Lane
from jobqueue.render.memory import INTERVAL, MAX_RENDERER
from jobqueue.render.networked import Visit, print_page
from jobqueue.render.options import RenderOptions
from jobqueue.render.page import LANE, WarmPage
from jobqueue.render.page_count import count_pages
from jobqueue.render.supply import MAX_BROWSER_RENDERS, PageSupply
from jobqueue.settings import LimitSettings, RenderSettings

_log = structlog.get_logger(__name__)


class RenderedPdf(msgspec.Struct, frozen=True):
    """A document: its bytes, its number of pages, and what was left out of it.

    Attributes:
        title: of a page that was loaded from a URL.
    """

    data: bytes
    pages: int
    warnings: tuple[str, ...]
    title: str = ""


class RenderPool:
    """Prints HTML with a Chromium that is replaced whenever it must be.

    Args:
        settings: which Chromium, its sandbox, and how many pages at once.
        limits: the largest document.
        max_page_renders: documents after which a page is replaced.
        max_browser_renders: documents after which Chromium is replaced.
        max_memory: bytes that one of Chromium's renderers may have.

    Attributes:
        version: of Chromium; None before the start.
        sandboxed: whether Chromium runs in its sandbox.
    """

    def __init__(
        self,
        settings: RenderSettings,
        limits: LimitSettings,
        *,
        max_page_renders: int = MAX_PAGE_RENDERS,
        max_browser_renders: int = MAX_BROWSER_RENDERS,
        max_memory: int = MAX_RENDERER,
    ) -> None:
        self.version: str | None = None
        self.sandboxed = False
        self._settings = settings
        self._limits = limits
        self._max_memory = max_memory
        self._executable: Path | None = None
        self._proxy: DeadProxy | None = None
        self._supply = PageSupply(self._launch, max_renders=max_browser_renders)
        self._lane = Lane(self._supply, max_renders=max_page_renders)
        self._keepers: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Launch Chromium and print a first document.

        Raises:
            SettingsError: there is no Chromium, it does not start, or its sandbox,
                which `render.sandbox` demands, does not work; says what to do.
        """
        removed = await asyncio.to_thread(sweep)
        if removed:
            _log.info("browser_folders_swept", folders=len(removed))
        self._executable = find_chromium(self._settings)
        if self._executable is None:
            raise SettingsError(_not_found(self._settings))
        self._proxy = DeadProxy()
        try:
            first = await self._first_page()
        except BaseException:
            await self.close()
            raise
        self._keepers = asyncio.create_task(self._keep(first), name="render-keepers")

    async def _first_page(self) -> WarmPage:
        """The first page, in the sandbox if it can be had there."""
        mode = self._settings.sandbox
        is_root = os.geteuid() == 0
        if mode == "on" and is_root:
            raise SettingsError(
                "render.sandbox is on, but Chromium's sandbox does not work as root:"
                " run jobqueue as another user, or set render.sandbox to auto"
            )
        self.sandboxed = mode == "on" or (mode == "auto" and not is_root)
        reason = "it does not work as root"
        try:
            page = await self._supply.start()
        except Exception as error:
            if mode != "auto" or not self.sandboxed:
                raise SettingsError(_not_started(self._executable, error)) from error
            self.sandboxed, reason = False, _first_line(error)
            page = await self._first_page_unsandboxed()
        if mode == "auto" and not self.sandboxed:
            _log.warning("browser_not_sandboxed", reason=reason)
        metrics.BROWSER_SANDBOX.labels("static").set(self.sandboxed)
        return page

    async def _first_page_unsandboxed(self) -> WarmPage:
        try:
            return await self._supply.start()
        except Exception as error:
            raise SettingsError(_not_started(self._executable, error)) from error

    async def _launch(self) -> Browser:
        if self._executable is None or self._proxy is None:
            raise async_api.Error("the render pool is not started")
        browser = await Browser.launch(
            self._executable,
            sandbox=self.sandboxed,
            proxy_flag=self._proxy.flag,
            memory_limit=self._max_memory,
        )
        self.version = browser.version
        _log.info("browser_started", version=browser.version, sandboxed=self.sandboxed)
        return browser

    async def _keep(self, first: WarmPage) -> None:
        """Own the tasks that keep pages ready and renderers small, until cancelled."""
        try:
            async with asyncio.TaskGroup() as keepers:
                keepers.create_task(self._lane.keep(first))
                for _ in range(self._settings.slots - 1):
                    keepers.create_task(self._lane.keep())
                while True:
                    self._supply.hold_memory()
                    await asyncio.sleep(INTERVAL)
        except* Exception as errors:  # noqa: BLE001 - told by `problem` and to all who wait
            _log.exception("render_pool_stopped", exc_info=errors)
        finally:
            self._lane.close()

    async def close(self) -> None:
        """End all browsers; jobs that still use one fail and may be tried again."""
        self._lane.close()
        if self._keepers is not None:
            self._keepers.cancel()
            await asyncio.wait([self._keepers])
        await self._supply.close()
        if self._proxy is not None:
            self._proxy.close()

    async def problem(self) -> str | None:
        """What keeps documents from being rendered; None when nothing does."""
        if self._keepers is None:
            return "Chromium has not been started"
        if self._keepers.done():
            return "the render pool has stopped"
        if self._supply.problem is not None:
            return self._supply.problem
        browser = self._supply.browser
        return None if browser is not None and browser.alive else "Chromium is being restarted"

    async def pdf(self, html: str, options: RenderOptions, *, deadline: float) -> RenderedPdf:
        """Print a document.

        Args:
            html: the document, complete; what it refers to is not loaded.
            options: paper, margins, header and footer.
            deadline: when to give up, in the loop's time.

        Raises:
            RenderTimeout: it takes longer.
            Unrecoverable: it can never succeed.
            BrowserLost, PrintingFailed: another try may succeed.
        """
        time_given = deadline - asyncio.get_running_loop().time()
        async with self._page(deadline) as page, _in_time(deadline, time_given):
            stream, warnings = await page.print(html, options)
        async with _in_time(deadline, time_given):
            data = await stream.fetch(self._limits.document)
        return RenderedPdf(data=data, pages=count_pages(data), warnings=warnings)

    async def pdf_of_page(self, visit: Visit, *, deadline: float) -> RenderedPdf:
        """Print the page at a URL, in a context of its own with a way out of its own.

        Args:
            visit: the page, how it is printed, and its way out.
            deadline: when to give up, in the loop's time.

        Raises:
            PageFailed: the page cannot be had, maybe only now.
            RenderTimeout, Unrecoverable, BrowserLost, PrintingFailed: as `pdf` does.
        """
        time_given = deadline - asyncio.get_running_loop().time()
        # A page of the static lane is held and not used: it stands for a slot.
        async with self._page(deadline), _in_time(deadline, time_given):
            printed = await print_page(self._supply.browser, visit, limit=self._limits.document)
        return RenderedPdf(
            data=printed.data,
            pages=count_pages(printed.data),
            warnings=(),
            title=printed.title,
        )

    @asynccontextmanager
    async def _page(self, deadline: float) -> AsyncIterator[WarmPage]:
        started = time.perf_counter()
        page = await self._lane.take(deadline)
        metrics.RENDER.labels(LANE, "wait").observe(time.perf_counter() - started)
        try:
            yield page
        finally:
            self._lane.give_back(page)


@asynccontextmanager
async def _in_time(deadline: float, given: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout_at(deadline):
            yield
    except TimeoutError:
        raise RenderTimeout(
            f"the document was not rendered in the {given:.0f} s that it had:"
            " make it smaller, or submit it with a longer timeout"
        ) from None


def _not_found(settings: RenderSettings) -> str:
    if settings.executable_path is not None:
        return (
            f"render.executable_path {settings.executable_path} is no executable file:"
            f" correct it, or remove it and install Chromium with {HOW_TO_INSTALL}"
        )
    return f"no Chromium found: install one with {HOW_TO_INSTALL}, or set render.executable_path"


def _not_started(executable: Path | None, error: Exception) -> str:
    return (
        f"Chromium ({executable}) does not start: {_first_line(error)};"
        f" what it needs is installed by {HOW_TO_INSTALL}"
    )


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
