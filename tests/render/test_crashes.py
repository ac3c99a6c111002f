"""The render pool when its processes are killed."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable

import pytest
from playwright import async_api

from jobqueue import metrics
from jobqueue.errors import Unrecoverable
from jobqueue.render.browser import Browser
from jobqueue.render.failures import BrowserLost, RenderTimeout
from jobqueue.render.lane_page import CLEAN_DEADLINE, OPEN_DEADLINE
from jobqueue.render.options import RenderOptions
from jobqueue.render.pool import RenderPool
from jobqueue.render.tab import Tab
from jobqueue.settings import LimitSettings, RenderSettings

from . import helpers
from .helpers import is_running, page_texts, soon, until

pytestmark = pytest.mark.browser

HUGE = "<table>" + "<tr><td>1<td>2<td>3</tr>" * 12_000 + "</table>"


def browser_of(pool: RenderPool) -> Browser:
    """The pool's current browser."""
    browser = pool._supply.browser
    assert browser is not None
    return browser


def chromium(pool: RenderPool) -> list[int]:
    """Chromium's main process."""
    return [browser_of(pool)._processes[0].pid]


def driver(pool: RenderPool) -> list[int]:
    """The driver's process."""
    return [browser_of(pool)._processes[1].pid]


def renderers(pool: RenderPool) -> list[int]:
    """The processes that lay out and print documents."""
    return helpers.renderers(*chromium(pool))


def kill(pids: list[int]) -> None:
    """End processes in the hardest way."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


async def text_of(pool: RenderPool, html: str) -> list[str]:
    """The text of a document."""
    return page_texts((await pool.render(html, RenderOptions(), deadline=soon())).data)


@pytest.mark.parametrize("victims", [chromium, driver, renderers], ids=lambda each: each.__name__)
async def test_a_kill_in_mid_job_fails_that_job_only(
    own_pool: RenderPool, victims: Callable[[RenderPool], list[int]]
) -> None:
    """The job in the page may be tried again; the next one is printed by a fresh page."""
    old = browser_of(own_pool)
    old_pids = [process.pid for process in old._processes]
    task = asyncio.create_task(text_of(own_pool, HUGE))
    await until(lambda: not own_pool._lane._idle)
    kill(victims(own_pool))
    with pytest.raises(BrowserLost):
        await task
    assert await text_of(own_pool, "next") == ["next"]
    assert await own_pool.problem() is None
    if victims is not renderers:
        assert browser_of(own_pool) is not old
        await until(lambda: not any(map(is_running, old_pids)))
        await until(lambda: not old._folder.path.exists())


@pytest.mark.parametrize("victims", [chromium, driver, renderers], ids=lambda each: each.__name__)
async def test_a_kill_between_jobs_is_not_noticed_by_any(
    own_pool: RenderPool, victims: Callable[[RenderPool], list[int]]
) -> None:
    """An idle pool replaces what was killed before somebody needs it."""
    restarts = metrics.BROWSER_RESTARTS.labels("lost")
    before = restarts._value.get()
    (page,) = own_pool._lane._idle
    pids = victims(own_pool)
    assert pids
    kill(pids)
    await until(lambda: page.spoiled)
    await until(lambda: len(own_pool._lane._idle) == 1 and page not in own_pool._lane._idle)
    assert await text_of(own_pool, "next") == ["next"]
    assert restarts._value.get() - before == (0 if victims is renderers else 1)


@pytest.mark.parametrize("victims", [chromium, driver, renderers], ids=lambda each: each.__name__)
async def test_what_does_not_answer_any_more_is_replaced(
    own_pool: RenderPool, victims: Callable[[RenderPool], list[int]]
) -> None:
    """A stopped process costs the job in it its time, and the next one some seconds at most."""
    old = browser_of(own_pool)
    stopped = victims(own_pool)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    with pytest.raises(RenderTimeout):
        await own_pool.render("lost", RenderOptions(), deadline=soon(1))
    begun = time.monotonic()
    assert await text_of(own_pool, "next") == ["next"]
    assert time.monotonic() - begun < CLEAN_DEADLINE + 5
    await until(lambda: not any(map(is_running, stopped)))
    assert own_pool._supply.browser is old or not old._folder.path.exists()


async def test_a_crash_while_a_page_opens_costs_no_more_than_another_try(
    own_pool: RenderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chromium leaves calls to a crashed page without an answer: nobody waits for one."""
    tabs = []
    tab_of = Tab.of

    async def die_once(page: async_api.Page) -> Tab:
        tabs.append(page)
        if len(tabs) == 1:
            kill(renderers(own_pool))
        return await tab_of(page)

    monkeypatch.setattr(Tab, "of", die_once)
    kill(chromium(own_pool))
    async with asyncio.timeout(OPEN_DEADLINE / 2):
        await until(lambda: len(tabs) > 1)
        assert await text_of(own_pool, "next") == ["next"]


async def test_many_jobs_survive_repeated_kills(own_pool: RenderPool) -> None:
    """Jobs that are tried again after each loss all get their own document."""

    async def persistent(number: int) -> list[str]:
        while True:
            with contextlib.suppress(BrowserLost):
                return await text_of(own_pool, f"no {number}")
            await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(persistent(number)) for number in range(40)]
        for victims in (chromium, renderers, driver):
            await until(lambda: own_pool._supply.problem is None and browser_of(own_pool).alive)
            with contextlib.suppress(ProcessLookupError):
                kill(victims(own_pool))
            await asyncio.wait(tasks, timeout=0.2)
    assert [task.result() for task in tasks] == [[f"no {number}"] for number in range(40)]


UVLOOP = """
import asyncio, os, uvloop
from jobqueue.render.options import RenderOptions
from jobqueue.render.pool import RenderPool
from jobqueue.settings import LimitSettings, RenderSettings

async def main():
    pool = RenderPool(RenderSettings(slots=1), LimitSettings())
    await pool.start()
    deadline = asyncio.get_running_loop().time() + 40
    for victim in (1, 0):
        os.kill(pool._supply.browser._processes[victim].pid, 9)
        while pool._supply.browser.alive:
            await asyncio.sleep(0.02)
        assert (await pool.render("x", RenderOptions(), deadline=deadline)).pages == 1
    await pool.close()

with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(main())
"""


async def test_kills_are_survived_on_uvloop_too() -> None:
    """That event loop has other errors for what is gone; the pool goes on all the same."""
    pytest.importorskip("uvloop")
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", UVLOOP)
    assert await process.wait() == 0


async def test_a_document_that_takes_too_much_memory_ends_its_job() -> None:
    """Its renderer is ended before the machine is out of memory; the next job is printed."""
    limit = 250 * 1024 * 1024
    pool = RenderPool(RenderSettings(slots=1), LimitSettings(), max_memory=limit)
    await pool.start()
    try:
        browser = browser_of(pool)
        with pytest.raises(Unrecoverable, match="more than 250 MiB of memory") as caught:
            await text_of(pool, HUGE)
        assert caught.value.code == "document_too_large"
        assert await text_of(pool, "next") == ["next"]
        assert browser_of(pool) is browser
    finally:
        await pool.close()


async def test_no_page_is_promised_while_there_is_no_browser(
    own_pool: RenderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While Chromium cannot be started readiness says why; it heals without a restart."""
    executable = own_pool._executable
    monkeypatch.setattr(own_pool, "_executable", "/nonexistent/chromium")
    kill(chromium(own_pool))
    await until(lambda: own_pool._supply.problem is not None)
    problem = await own_pool.problem()
    assert problem is not None
    assert problem.startswith("Chromium cannot be used: ")
    monkeypatch.setattr(own_pool, "_executable", executable)
    assert await text_of(own_pool, "next") == ["next"]
    assert await own_pool.problem() is None
