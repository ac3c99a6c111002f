"""The render pool: what the rest of the program sees of the browsers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import structlog
from playwright import async_api

from jobqueue import metrics
from jobqueue.errors import SettingsError
from jobqueue.render.browser import Browser
from jobqueue.render.chromium import (
    SCRIPTED_FLAGS,
    STATIC_FLAGS,
    DeadProxy,
    find_chromium,
    first_line,
    not_found,
    not_started,
)
from jobqueue.render.failures import too_slow
from jobqueue.render.filenames import title_of
from jobqueue.render.finishing.finisher import Finisher
from jobqueue.render.folder import sweep
from jobqueue.render.isolation import ROOT_ALONE, Isolation, ways_to_start
from jobqueue.render.lane import MAX_PAGE_RENDERS, Lane
from jobqueue.render.live_page import LivePage
from jobqueue.render.memory import INTERVAL, MAX_RENDERER
from jobqueue.render.memory_group import REST_OF_CHROMIUM, parent_of_groups, sweep_groups
from jobqueue.render.networked import Visit
from jobqueue.render.options import RenderOptions
from jobqueue.render.page import WarmPage
from jobqueue.render.rendered import Rendered, check_html
from jobqueue.render.scripted import MAX_SCRIPTED_RENDERS, ScriptedLane
from jobqueue.render.slots import Slots
from jobqueue.render.supply import MAX_BROWSER_AGE, MAX_BROWSER_RENDERS, PageSupply
from jobqueue.settings import LimitSettings, RenderSettings

WATCHING = "to its memory by watching each renderer"
"""How memory is held everywhere; a control group is added where there may be one."""

_log = structlog.get_logger(__name__)


class RenderPool:
    """Prints HTML with a Chromium that is replaced whenever it must be.

    Args:
        settings: which Chromium, its sandbox, and how many pages at once.
        limits: the largest document.
        max_page_renders: documents after which a page is replaced.
        max_browser_renders: documents after which Chromium is replaced.
        max_scripted_renders: documents with scripts after which theirs is replaced.
        max_browser_age: seconds after which a Chromium is replaced.
        max_memory: bytes that one of Chromium's renderers may have.

    Attributes:
        version: of Chromium; None before the start.
        finisher: does what is asked for after printing.
        isolation: how far Chromium is kept from the machine.
        holds_memory_by: what keeps documents from taking all memory.
    """

    def __init__(
        self,
        settings: RenderSettings,
        limits: LimitSettings,
        *,
        max_page_renders: int = MAX_PAGE_RENDERS,
        max_browser_renders: int = MAX_BROWSER_RENDERS,
        max_scripted_renders: int = MAX_SCRIPTED_RENDERS,
        max_browser_age: float = MAX_BROWSER_AGE,
        max_memory: int = MAX_RENDERER,
    ) -> None:
        self.version: str | None = None
        self.finisher = Finisher(settings, limits)
        self.isolation = Isolation()
        self.holds_memory_by = WATCHING
        self._settings = settings
        self._limits = limits
        self._max_memory = max_memory
        self._executable: Path | None = None
        self._proxy: DeadProxy | None = None
        self._groups: Path | None = None
        slots = Slots(settings.slots)
        self._supply = PageSupply(
            self._launcher("static", STATIC_FLAGS),
            WarmPage,
            max_renders=max_browser_renders,
            max_age=max_browser_age,
        )
        self._lane = Lane(self._supply, slots, max_renders=max_page_renders)
        self._scripted = ScriptedLane(
            self._launcher("scripted", SCRIPTED_FLAGS),
            slots,
            number=settings.slots,
            max_renders=max_scripted_renders,
            max_age=max_browser_age,
        )
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
            raise SettingsError(not_found(self._settings))
        self._choose_memory_limit()
        self._proxy = DeadProxy()
        try:
            first = await self._first_page(self._executable)
        except BaseException:
            await self.close()
            raise
        self._keepers = asyncio.create_task(self._keep(first), name="render-keepers")

    @property
    def sandboxed(self) -> bool:
        """Whether Chromium runs in its own sandbox."""
        return self.isolation.sandbox

    def _choose_memory_limit(self) -> None:
        self._groups = parent_of_groups()
        if self._groups is not None:
            sweep_groups(self._groups)
            self.holds_memory_by = f"{WATCHING}, and all of them together by a control group"
        _log.info("browser_memory_held", by=self.holds_memory_by, renderer=self._max_memory)

    async def _first_page(self, executable: Path) -> WarmPage:
        """The first page, isolated as well as it can be had."""
        mode = self._settings.sandbox
        reason = ROOT_ALONE
        failure: Exception | None = None
        for way in await ways_to_start(mode, executable):
            self.isolation = way
            try:
                page = await self._supply.start()
            except Exception as error:  # noqa: BLE001 - the last one is told
                failure, reason = error, first_line(error)
                _log.debug("browser_start_failed", isolation=way.describe(), error=reason)
                continue
            if mode == "auto" and not way.sandbox:
                _log.warning("browser_not_sandboxed", reason=reason)
            return page
        raise SettingsError(not_started(self._executable, failure)) from failure

    def _launcher(self, lane: str, flags: Sequence[str]) -> Callable[[], Awaitable[Browser]]:
        return lambda: self._launch(lane, flags)

    async def _launch(self, lane: str, flags: Sequence[str]) -> Browser:
        if self._executable is None or self._proxy is None:
            raise async_api.Error("the render pool is not started")
        browser = await Browser.launch(
            self._executable,
            flags=flags,
            sandbox=self.sandboxed,
            proxy_flag=self._proxy.flag,
            memory_limit=self._max_memory,
            jail=self.isolation.jail,
            groups=self._groups,
            group_limit=self._max_memory * self._settings.slots + REST_OF_CHROMIUM,
        )
        self.version = browser.version
        metrics.BROWSER_SANDBOX.labels(lane).set(browser.sandboxed)
        _log.info(
            "browser_started",
            lane=lane,
            version=browser.version,
            **msgspec.to_builtins(self.isolation),
        )
        return browser

    async def _keep(self, first: WarmPage) -> None:
        """Own the tasks that keep pages ready and renderers small, until cancelled."""
        try:
            async with asyncio.TaskGroup() as keepers:
                keepers.create_task(self._lane.keep(first))
                for _ in range(self._settings.slots - 1):
                    keepers.create_task(self._lane.keep())
                keepers.create_task(self._scripted.keep())
                for lane in (self._lane, self._scripted.lane):
                    keepers.create_task(_renew(lane))
                while True:
                    self._supply.hold_memory()
                    self._scripted.supply.hold_memory()
                    await asyncio.sleep(INTERVAL)
        except* Exception as errors:  # noqa: BLE001 - told by `problem` and to all who wait
            _log.exception("render_pool_stopped", exc_info=errors)
        finally:
            self._turn_away()

    def _turn_away(self) -> None:
        self._lane.close()
        self._scripted.close()

    async def close(self) -> None:
        """End all browsers; jobs that still use one fail and may be tried again."""
        self._turn_away()
        if self._keepers is not None:
            self._keepers.cancel()
            await asyncio.wait([self._keepers])
        await self._supply.close()
        await self._scripted.supply.close()
        if self._proxy is not None:
            self._proxy.close()

    async def problem(self) -> str | None:
        """What keeps documents from being rendered; None when nothing does."""
        if self._keepers is None:
            return "Chromium has not been started"
        if self._keepers.done():
            return "the render pool has stopped"
        problem = self._supply.problem or self._scripted.supply.problem
        if problem is not None:
            return problem
        browser = self._supply.browser
        return None if browser is not None and browser.alive else "Chromium is being restarted"

    def check(self, html: str) -> None:
        """See to it that a document is not too large to be tried; raises Unrecoverable."""
        check_html(html, self._limits)

    async def render(self, html: str, options: RenderOptions, *, deadline: float) -> Rendered:
        """Make what the options ask for, in the lane that can.

        Args:
            html: the document, complete; what it refers to is not loaded.
            options: the kind of file, and what it is to look like.
            deadline: when to give up, in the loop's time.

        Raises:
            RenderTimeout: it takes longer.
            Unrecoverable: it can never succeed.
            BrowserLost, PrintingFailed: another try may succeed.
            OSError: there is no room for a large document in the folder of temporary files.
        """
        self.check(html)
        given = _time_until(deadline)
        if options.is_live:
            async with self._scripted.borrow(deadline) as live:
                made, warnings = await live.render(html, options, deadline)
        else:
            async with self._lane.borrow(deadline) as page, _in_time(deadline, given):
                made, warnings = await page.print(html, options)
        async with _in_time(deadline, given):
            return await Rendered.of(made, self._limits, warnings, title_of(html))

    async def visit(self, visit: Visit, *, deadline: float) -> Rendered:
        """Load the page at a URL by a way out of its own, and make what its options ask for.

        Args:
            visit: the page and its way out.
            deadline: when to give up, in the loop's time.

        Raises:
            PageFailed: the page cannot be had, maybe only now.
            Exception: what `render` raises.
        """
        given = _time_until(deadline)
        async with self._scripted.visit(visit, deadline) as page:
            made, warnings = await page.render(visit.url, visit.options, deadline)
            async with _in_time(deadline, given):
                return await Rendered.of(made, self._limits, warnings, page.title)


async def _renew(lane: Lane[LivePage] | Lane[WarmPage]) -> None:
    while True:
        await asyncio.sleep(INTERVAL)
        await lane.renew()


def _time_until(deadline: float) -> float:
    return deadline - asyncio.get_running_loop().time()


@asynccontextmanager
async def _in_time(deadline: float, given: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout_at(deadline):
            yield
    except TimeoutError:
        raise too_slow(given) from None
