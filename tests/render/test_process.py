"""Watching processes."""

import asyncio
import os
import subprocess
import sys

import pytest

from jobqueue.render import process as module
from jobqueue.render.process import Process, child_above, parent_of

from .helpers import is_running, until

SLEEP = [sys.executable, "-c", "import time; time.sleep(100)"]
PARENT = """
import subprocess, sys
child = subprocess.Popen(sys.argv[1:])
print(child.pid, flush=True)
child.wait()
"""
CHILD = [sys.executable, "-c", PARENT, *SLEEP]


@pytest.fixture(params=["pidfd", "poll"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what the system offers, and without it."""
    if request.param == "poll":
        monkeypatch.setattr(module, "_open_pidfd", lambda _: None)
        monkeypatch.setattr(module, "_POLL", 0.02)


@pytest.mark.usefixtures("_way")
async def test_the_end_of_a_process_is_noticed() -> None:
    """Whoever watches is called once, soon after the end."""
    ends: list[int] = []
    running = await asyncio.create_subprocess_exec(*SLEEP)
    process = Process(running.pid, lambda: ends.append(1))
    running.kill()
    await running.wait()
    await until(lambda: ends == [1])
    await process.end(0)


@pytest.mark.usefixtures("_way")
async def test_a_process_that_does_not_end_is_killed() -> None:
    """Patience is limited."""
    running = await asyncio.create_subprocess_exec(*SLEEP)
    process = Process(running.pid, lambda: None)
    await process.end(0.1)
    assert await running.wait() < 0


async def test_a_released_process_is_watched_no_more() -> None:
    """Nothing is called, and nothing stays open."""
    running = await asyncio.create_subprocess_exec(*SLEEP)
    process = Process(running.pid, pytest.fail)
    process.release()
    running.kill()
    await running.wait()


async def test_a_descendant_is_traced_to_our_own_child() -> None:
    """The driver is found above Chromium, also when a script stands between them."""
    between = await asyncio.create_subprocess_exec(*CHILD, stdout=subprocess.PIPE)
    assert between.stdout is not None
    grandchild = int(await between.stdout.readline())
    found = (parent_of(grandchild), parent_of(between.pid), child_above(grandchild))
    itself = child_above(between.pid)
    os.kill(grandchild, 9)
    await between.wait()
    assert found == (between.pid, os.getpid(), between.pid)
    assert itself == between.pid
    assert not is_running(grandchild)
    assert parent_of(grandchild) is None
    assert child_above(1) is None
