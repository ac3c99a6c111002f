"""One Chromium with its driver and its folder: started together, ended together."""

import asyncio
from pathlib import Path

import structlog
from playwright import async_api

from jobqueue.render.chromium import FLAGS, environment
from jobqueue.render.folder import BrowserFolder
from jobqueue.render.loss import Loss
from jobqueue.render.memory import end_large_processes
from jobqueue.render.process import Process, child_above

LAUNCH_DEADLINE = 30.0
"""Seconds for driver and Chromium to start: 1 s is usual, a cold disk needs several."""

CLOSE_DEADLINE = 5.0
"""Seconds for them to end by themselves before they are killed: 0.1 s is usual."""

KILL_AFTER = 0.5
"""Seconds that a process may outlive its orderly end before it is killed."""

_log = structlog.get_logger(__name__)


class Browser:
    """A running Chromium. Make one with `launch`; it is of no more use once not `alive`.

    Each has a driver process of its own, so that the end of either is the end of both.

    Attributes:
        loss: its end, whoever brought it about.
        version: of Chromium, e.g. `156.0.8078.79`.
        sandboxed: whether Chromium's processes run in its sandbox.
        renders: documents printed so far.
        memory_limit: bytes that a renderer may have.
        memory_kills: renderers that were ended because they had more.
    """

    def __init__(self, folder: BrowserFolder, *, sandboxed: bool, memory_limit: int) -> None:
        self.sandboxed = sandboxed
        self.memory_limit = memory_limit
        self.memory_kills = 0
        self.version = ""
        self.renders = 0
        self.loss = Loss()
        self._folder = folder
        self._playwright: async_api.Playwright | None = None
        self._default: async_api.BrowserContext | None = None
        self._browser: async_api.Browser | None = None
        self._processes: list[Process] = []

    @classmethod
    async def launch(
        cls, executable: Path, *, sandbox: bool, proxy_flag: str, memory_limit: int
    ) -> "Browser":
        """Start Chromium.

        Args:
            executable: the program.
            sandbox: whether it must run in its sandbox (it then fails where it cannot).
            proxy_flag: the switch that decides where its requests go.
            memory_limit: bytes that a renderer may have, see `hold_memory`.

        Raises:
            async_api.Error, OSError, TimeoutError: it does not start.
        """
        browser = cls(BrowserFolder(), sandboxed=sandbox, memory_limit=memory_limit)
        try:
            async with asyncio.timeout(LAUNCH_DEADLINE):
                await browser._start(executable, proxy_flag)
        except BaseException:
            await browser.close()
            raise
        return browser

    async def _start(self, executable: Path, proxy_flag: str) -> None:
        folder = self._folder.path
        self._playwright = await async_api.async_playwright().start()
        # A persistent context is the way to say where profile and artifacts go.
        self._default = await self._playwright.chromium.launch_persistent_context(
            folder / "profile",
            artifacts_dir=folder / "artifacts",
            executable_path=executable,
            args=[*FLAGS, proxy_flag],
            chromium_sandbox=self.sandboxed,
            env=environment(folder),
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

    @property
    def alive(self) -> bool:
        """Whether it can be used."""
        return self._browser is not None and not self.loss.happened

    def hold_memory(self) -> None:
        """End renderers that are over the limit."""
        if self.alive and self._processes:
            self.memory_kills += end_large_processes(self._processes[0].pid, self.memory_limit)

    async def new_context(
        self, *, proxy: str | None = None, user_agent: str | None = None, javascript: bool = False
    ) -> async_api.BrowserContext:
        """A context with nothing in it.

        Args:
            proxy: where its requests go; None: where all of this browser's go, to nobody.
            user_agent: what it calls itself; None: Chromium's own name.
            javascript: whether its pages run scripts.
        """
        if self._browser is None or self.loss.happened:
            raise async_api.Error("Chromium has been closed")
        return await self._browser.new_context(
            java_script_enabled=javascript,
            accept_downloads=False,
            service_workers="block",
            proxy={"server": proxy} if proxy else None,
            user_agent=user_agent,
        )

    async def close(self) -> None:
        """End Chromium and its driver, by force if need be, and remove their folder."""
        self.loss.happen()
        for step in (self._close_context, self._stop_driver):
            try:
                async with asyncio.timeout(CLOSE_DEADLINE):
                    await step()
            except TimeoutError:
                _log.warning("browser_close_timed_out", step=step.__name__)
            except Exception as error:  # noqa: BLE001 - the processes are ended all the same
                _log.debug("browser_close_failed", step=step.__name__, error=str(error))
        for process in self._processes:
            await process.end(KILL_AFTER)
        self._processes.clear()
        await self._folder.remove()

    async def _close_context(self) -> None:
        if self._default is not None:
            await self._default.close()

    async def _stop_driver(self) -> None:
        if self._playwright is not None:
            await self._playwright.stop()
