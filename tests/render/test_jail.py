"""What surrounds Chromium where root starts it."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from jobqueue.render.folder import BrowserFolder
from jobqueue.render.isolation import ways_to_start
from jobqueue.render.jail import OPEN, USERS, Jail, draw_user, strongest_jail
from jobqueue.render.options import RenderOptions
from jobqueue.render.pool import RenderPool
from jobqueue.settings import LimitSettings, RenderSettings

from .helpers import descendants, renderers, soon

SHELL = Path("/bin/sh")
"""A program that everybody may start, as Chromium."""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user"),
]


@pytest_asyncio.fixture
async def jailed() -> AsyncIterator[RenderPool]:
    """A pool whose sandbox is demanded."""
    pool = RenderPool(RenderSettings(slots=1, sandbox="on"), LimitSettings())
    await pool.start()
    yield pool
    await pool.close()


def main_process(pool: RenderPool) -> int:
    """Chromium's main process."""
    browser = pool._supply.browser
    assert browser is not None
    return browser._processes[0].pid


def status(pid: int) -> dict[str, str]:
    """What the kernel says of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


async def test_no_process_of_chromium_is_root(jailed: RenderPool) -> None:
    """All are one user without an account, who holds no privilege and can get none."""
    main = main_process(jailed)
    for pid in (main, *descendants(main)):
        told = status(pid)
        assert len(set(told["Uid"].split()) | set(told["Gid"].split())) == 1
        assert int(told["Uid"].split()[0]) in USERS
        assert told["Groups"] == ""
        assert told["NoNewPrivs"] == "1"
    assert int(status(main)["CapEff"], 16) == 0


async def test_the_sandbox_works_for_root(jailed: RenderPool) -> None:
    """Renderers are in Chromium's namespaces, with its filter of system calls."""
    assert jailed.sandboxed
    for pid in renderers(main_process(jailed)):
        told = status(pid)
        assert told["Seccomp"] == "2"
        assert len(told["NSpid"].split()) > 1


async def test_chromium_has_no_network(jailed: RenderPool) -> None:
    """Its network namespace has nothing but a loopback device that is down."""
    if not jailed.isolation.jail.network:
        pytest.skip("network namespaces are forbidden here")
    main = main_process(jailed)
    ours = Path("/proc/self/ns/net").readlink()
    assert Path(f"/proc/{main}/ns/net").readlink() != ours
    devices = Path(f"/proc/{main}/net/dev").read_text().splitlines()[2:]
    assert [line.split(":")[0].strip() for line in devices] == ["lo"]
    pdf = await jailed.render("<img src=http://127.0.0.1/a>", RenderOptions(), deadline=soon())
    assert pdf.warnings == ("not loaded, documents have no network: http://127.0.0.1/a",)


async def test_the_user_of_chromium_gets_at_its_own_folders_only() -> None:
    """Neither the lock, which says that the folder is in use, nor the start script is its."""
    folder = BrowserFolder()
    try:
        Jail(user=True).enter(folder, Path("/bin/true"), None)
        owners = {path.name: path.stat().st_uid for path in folder.path.iterdir()}
        assert {name for name, owner in owners.items() if owner} == {"profile", "temporary"}
        assert folder.path.stat().st_uid == 0
        assert folder.path.stat().st_mode & 0o777 == 0o711
    finally:
        await folder.remove()


def test_browsers_are_different_users() -> None:
    """Two browsers have hardly ever the same user, and never one with an account."""
    assert len({draw_user() for _ in range(20)}) > 15


async def test_where_namespaces_are_forbidden_chromium_starts_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What cannot be had is left out quietly, one wall after the other."""
    assert await strongest_jail(SHELL) != OPEN
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for forbidden, left in (("unshare", Jail(user=True)), ("setpriv", OPEN)):
        tool = tmp_path / forbidden
        tool.write_text("#!/bin/sh\nexit 1\n")
        tool.chmod(0o755)
        assert await strongest_jail(SHELL) == left


async def test_a_user_who_does_not_get_at_chromium_is_not_tried(tmp_path: Path) -> None:
    """A Chromium in root's own folder, such as a download, is started by root."""
    private = tmp_path / "chromium"
    private.write_text("")
    private.chmod(0o700)
    assert await strongest_jail(private) == OPEN


async def test_less_is_tried_only_when_more_does_not_start() -> None:
    """The order is from the strongest to none; who demands the sandbox never gets less."""
    strongest = await strongest_jail(SHELL)
    auto, on, off = [await ways_to_start(mode, SHELL) for mode in ("auto", "on", "off")]
    assert auto[0].sandbox
    assert auto[0].jail == strongest
    assert auto[-1].jail == OPEN
    assert not auto[-1].sandbox
    assert all(way.sandbox and way.jail.user for way in on)
    assert not any(way.sandbox for way in off)
    assert off[0].jail == strongest
