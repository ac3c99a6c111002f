"""Five hundred documents with twenty crashes among them leave nothing behind."""

import asyncio
import contextlib
import itertools
import os
import signal
import tempfile
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobqueue.render.browser import Browser
from jobqueue.render.failures import BrowserLost, PrintingFailed
from jobqueue.render.folder import PREFIX
from jobqueue.render.options import RenderOptions
from jobqueue.render.pool import RenderPool
from jobqueue.render.supply import PageSupply
from jobqueue.settings import LimitSettings, RenderSettings

from .helpers import (
    children,
    command_line,
    descendants,
    is_running,
    page_texts,
    renderers,
    soon,
    until,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

RENDERS = 500
CRASHES = 20
WAYS = [*itertools.product(("renderer", "browser", "renderer", "driver"), ("static", "scripted"))]


def open_files() -> int:
    """How many files and sockets this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def left_running(others: Container[int]) -> set[int]:
    """The processes below this one, without those below its children of other tests."""
    own = [pid for pid in children(os.getpid()) if pid not in others]
    return {pid for child in own for pid in (child, *descendants(child)) if is_running(pid)}


def orphans(folders: Path) -> list[str]:
    """Processes of any parent that were started for one of these folders' browsers."""
    pids = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    return [line for line in map(command_line, pids) if str(folders / PREFIX) in line]


def crash(browser: Browser, victim: str) -> None:
    """Kill a process of a browser; one that has just gone by itself is as good."""
    main, driver = [process.pid for process in browser._processes]
    pids = {"renderer": renderers(main)[:1], "browser": [main], "driver": [driver]}[victim]
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def browser_at_work(supply: PageSupply[Any]) -> Browser:
    """The browser of a lane once a job has one of its pages."""

    def lent() -> list[Browser]:
        return [browser for page, browser in supply._pages.items() if page._lent]

    await until(lambda: bool(lent()))
    return lent()[0]


async def persistent(pool: RenderPool, number: int) -> None:
    """Print a document as a queue would: again when the machine is to blame."""
    while True:
        with contextlib.suppress(BrowserLost, PrintingFailed):
            options = RenderOptions(javascript=number % 5 == 0)
            pdf = await pool.render(f"no {number}", options, deadline=soon(120))
            assert page_texts(pdf.data) == [f"no {number}"]
            return


@pytest.fixture
def folders(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where browsers put their folders; whoever Chromium runs as gets in."""
    with tempfile.TemporaryDirectory(prefix="jq-") as folder:
        Path(folder).chmod(0o755)
        monkeypatch.setattr("tempfile.tempdir", folder)
        yield Path(folder)


async def test_crashes_leave_nothing_behind(folders: Path) -> None:
    """No process, no folder and no open file is left; every document came out right."""
    others, files = list(children(os.getpid())), open_files()
    pool = RenderPool(RenderSettings(slots=2), LimitSettings(), max_browser_renders=150)
    await pool.start()
    numbers = itertools.count()
    supplies: dict[str, PageSupply[Any]] = {
        "static": pool._supply,
        "scripted": pool._scripted.supply,
    }
    try:
        for victim, lane in itertools.islice(itertools.cycle(WAYS), CRASHES):
            async with asyncio.TaskGroup() as group:
                for number in itertools.islice(numbers, RENDERS // CRASHES):
                    group.create_task(persistent(pool, number))
                crash(await browser_at_work(supplies[lane]), victim)
        await until(lambda: len(list(folders.glob(f"{PREFIX}*"))) == len(supplies))
    finally:
        await pool.close()
    await until(lambda: not left_running(others))
    await until(lambda: orphans(folders) == [])
    assert list(folders.iterdir()) == []
    await until(lambda: open_files() <= files)
