"""One Chromium with its driver and its folder: started together, ended together."""

import asyncio
import socket
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import structlog
from playwright import async_api

from jobqueue.render.chromium import UNWANTED, environment
from jobqueue.render.folder import BrowserFolder
from jobqueue.render.jail import OPEN, Jail
from jobqueue.render.loss import Loss
from jobqueue.render.memory import end_large_processes, resident
from jobqueue.render.memory_group import MemoryGroup
from jobqueue.render.namespace import listen
from jobqueue.render.priority import lower_renderers
from jobqueue.render.process import Process, child_above

LAUNCH_DEADLINE = 30.0
"""Seconds for driver and Chromium to start: 1 s is usual, a cold disk needs several."""

MAX_MEMORY = 512 * 1024 * 1024
"""Bytes of Chromium's main process, which prints nothing, after which it is replaced: 120 MB
is usual."""

CLOSE_DEADLINE = 5.0
"""Seconds for them to end by themselves before they are killed: 0.1 s is usual."""

LOST_DEADLINE = 0.5
"""The same for one that is known to be lost: it ended, or it does not answer."""

KILL_AFTER = 0.5
"""Seconds that a process may outlive its orderly end before it is killed."""

_log = structlog.get_logger(__name__)


class ContextSettings(msgspec.Struct, frozen=True):
    """What a context is like.

    Attributes:
        javascript: whether scripts can run in it.
        live: whether its pages get the viewport of their job, and no service workers.
        proxy: URL of where its requests go; None: where all of its browser's go, to nobody.
        user_agent: what it calls itself; None: Chromium's own name.
    """

    javascript: bool = False
    live: bool = False
    proxy: str | None = None
    user_agent: str | None = None


class Browser:
    """A running Chromium. Make one with `launch`; it is of no more use once not `alive`.

    Each has a driver process of its own, so that the end of either is the end of both.

    Attributes:
        loss: its end, whoever brought it about.
        version: of Chromium, e.g. `156.0.8078.79`.
        sandboxed: whether Chromium's processes run in its sandbox.
        jail: what surrounds all of them.
        renders: documents printed so far.
        large: set when its main process has grown too much.
        memory_limit: bytes that a renderer may have.
    """

    def __init__(
        self, folder: BrowserFolder, *, sandboxed: bool, jail: Jail, memory_limit: int
    ) -> None:
        self.sandboxed = sandboxed
        self.jail = jail
        self.memory_limit = memory_limit
        self.version = ""
        self.renders = 0
        self.large = False
        self.loss = Loss()
        self.draws = False
        self._started_at = time.monotonic()
        self._watched_kills = 0
        self._group: MemoryGroup | None = None
        self._folder = folder
        self._playwright: async_api.Playwright | None = None
        self._default: async_api.BrowserContext | None = None
        self._browser: async_api.Browser | None = None
        self._processes: list[Process] = []

    @classmethod
    async def launch(
        cls,
        executable: Path,
        *,
        flags: Sequence[str],
        sandbox: bool,
        proxy_flag: str,
        memory_limit: int,
        jail: Jail = OPEN,
        groups: Path | None = None,
        group_limit: int = 0,
    ) -> "Browser":
        """Start Chromium.

        Args:
            executable: the program.
            flags: the switches of its lane.
            sandbox: whether it must run in its sandbox (it then fails where it cannot).
            proxy_flag: the switch that decides where its requests go.
            memory_limit: bytes that a renderer may have, see `hold_memory`.
            jail: what Chromium is put into.
            groups: where a control group may be made for it.
            group_limit: bytes that all its processes may have together, in a group.

        Raises:
            async_api.Error, OSError, TimeoutError: it does not start.
        """
        browser = cls(BrowserFolder(), sandboxed=sandbox, jail=jail, memory_limit=memory_limit)
        try:
            browser._make_group(groups, group_limit)
            async with asyncio.timeout(LAUNCH_DEADLINE):
                await browser._start(executable, [*flags, proxy_flag])
        except BaseException:
            await browser.close()
            raise
        return browser

    def _make_group(self, groups: Path | None, limit: int) -> None:
        if groups is None:
            return
        try:
            self._group = MemoryGroup.make(groups, self._folder.path.name, limit)
        except OSError as error:  # the watch over each renderer is left
            _log.warning("memory_group_failed", error=str(error))

    async def _start(self, executable: Path, flags: list[str]) -> None:
        folder = self._folder
        home = folder.temporary if self.jail.user else None
        self._playwright = await async_api.async_playwright().start()
        # A persistent context is the way to say where profile and artifacts go.
        self._default = await self._playwright.chromium.launch_persistent_context(
            folder.profile,
            artifacts_dir=folder.path / "artifacts",
            executable_path=self.jail.enter(
                folder, executable, self._group.path if self._group else None
            ),
            args=flags,
            ignore_default_args=UNWANTED,
            chromium_sandbox=self.sandboxed,
            env=environment(folder.temporary, home),
            handle_sigint=False,
            handle_sigterm=False,
            handle_sighup=False,
            java_script_enabled=False,
            accept_downloads=False,
            timeout=LAUNCH_DEADLINE * 1000,
        )
        self._browser = self._default.browser
        if self._browser is None:
            raise async_api.Error("this version of Playwright gives no access to the browser")
        self.version = self._browser.version
        self._browser.on("disconnected", lambda _: self.loss.happen())
        await self._watch_processes(self._browser)
        for page in self._default.pages:  # it opens with one, which costs a process
            await page.close()

    async def _watch_processes(self, browser: async_api.Browser) -> None:
        """Notice the end of Chromium and of its driver, which tells nobody when it is killed."""
        session = await browser.new_browser_cdp_session()
        answer = await session.send("SystemInfo.getProcessInfo")
        await session.detach()
        pid = next(info["id"] for info in answer["processInfo"] if info["type"] == "browser")
        for each in (pid, child_above(pid)):
            if each is not None:
                self._processes.append(Process(each, self.loss.happen))
        lower_renderers(pid)

    @property
    def alive(self) -> bool:
        """Whether it can be used."""
        return self._browser is not None and not self.loss.happened

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self._started_at

    @property
    def memory_kills(self) -> int:
        """How many renderers were ended because they had more memory than they may."""
        return self._watched_kills + (self._group.kills() if self._group else 0)

    def hold_memory(self) -> None:
        """End renderers that are over the limit, and see whether the rest has become large."""
        if self.alive and self._processes:
            pid = self._processes[0].pid
            self._watched_kills += end_large_processes(pid, self.memory_limit)
            self.large = self.large or resident(pid) > MAX_MEMORY

    async def new_context(self, settings: ContextSettings) -> async_api.BrowserContext:
        """A context with nothing in it."""
        if self._browser is None or self.loss.happened:
            raise async_api.Error("Chromium has been closed")
        return await self._browser.new_context(
            java_script_enabled=settings.javascript,
            accept_downloads=False,
            service_workers="block" if settings.proxy else "allow",
            proxy={"server": settings.proxy} if settings.proxy else None,
            user_agent=settings.user_agent,
            no_viewport=settings.live,
        )

    def listen(self) -> socket.socket:
        """A listening socket that its pages can reach.

        Raises:
            OSError: it has just ended.
        """
        return listen(self._processes[0].pid if self.jail.network else None)

    async def close(self) -> None:
        """End Chromium and its driver, by force if need be, and remove their folder."""
        patience = LOST_DEADLINE if self.loss.happened else CLOSE_DEADLINE
        self.loss.happen()
        for step in (self._close_context, self._stop_driver):
            try:
                async with asyncio.timeout(patience):
                    await step()
            except TimeoutError:
                _log.warning("browser_close_timed_out", step=step.__name__)
            except Exception as error:  # noqa: BLE001 - the processes are ended all the same
                _log.debug("browser_close_failed", step=step.__name__, error=str(error))
        for process in self._processes:
            await process.end(KILL_AFTER)
        self._processes.clear()
        await self._folder.remove()
        if self._group is not None:
            self._group.remove()

    async def _close_context(self) -> None:
        if self._default is not None:
            await self._default.close()

    async def _stop_driver(self) -> None:
        if self._playwright is not None:
            await self._playwright.stop()
