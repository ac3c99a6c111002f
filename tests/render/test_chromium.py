"""Finding and starting Chromium, with its sandbox or without."""

import os
import socket
from pathlib import Path

import pytest

from jobqueue import metrics
from jobqueue.errors import SettingsError
from jobqueue.render import chromium
from jobqueue.render.chromium import DeadProxy, environment, find_chromium
from jobqueue.render.folder import PREFIX
from jobqueue.render.options import RenderOptions
from jobqueue.render.pool import RenderPool
from jobqueue.settings import LimitSettings, RenderSettings

from .helpers import command_line, descendants, soon

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="others cannot be another user")


def executable(path: Path) -> Path:
    """An executable file that is no browser."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\nexit 1\n")
    path.chmod(0o755)
    return path


def test_the_path_that_is_set_wins(tmp_path: Path) -> None:
    """render.executable_path is used and nothing else is looked for."""
    path = executable(tmp_path / "chrome")
    assert find_chromium(RenderSettings(executable_path=path)) == path
    assert find_chromium(RenderSettings(executable_path=tmp_path / "none")) is None


def test_installed_browsers_are_found_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The headless shell is preferred; Playwright's download is the last resort."""
    monkeypatch.setattr(chromium, "_NAMES", ("chromium-headless-shell", "chromium"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_chromium(RenderSettings()) is None
    folder = tmp_path / ".cache/ms-playwright/chromium_headless_shell-1255"
    download = executable(folder / "chrome-headless-shell-linux64" / "chrome-headless-shell")
    assert find_chromium(RenderSettings()) == download
    full = executable(tmp_path / "bin" / "chromium")
    assert find_chromium(RenderSettings()) == full
    shell = executable(tmp_path / "bin" / "chromium-headless-shell")
    assert find_chromium(RenderSettings()) == shell


def test_chromium_sees_no_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the program was given in its environment does not reach a renderer."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    assert set(environment(tmp_path)) == {"PATH", "HOME", "LANG", "TMPDIR"}


def test_the_dead_proxy_answers_nobody() -> None:
    """Its port refuses connections and cannot be taken by another program."""
    proxy = DeadProxy()
    port = int(proxy.flag.rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
    proxy.close()


def browsers() -> set[int]:
    """Chromium's processes of all pools of this program."""
    return {pid for pid in descendants(os.getpid()) if PREFIX in command_line(pid)}


async def start_error(settings: RenderSettings) -> str:
    """What a pool says that does not start; it leaves nothing behind."""
    before = browsers()
    pool = RenderPool(settings, LimitSettings())
    with pytest.raises(SettingsError) as caught:
        await pool.start()
    assert browsers() <= before
    return str(caught.value)


async def test_without_chromium_the_start_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exact command is in the message, for a path that is wrong and for none."""
    message = await start_error(RenderSettings(executable_path=tmp_path / "none"))
    assert f"render.executable_path {tmp_path / 'none'} is no executable file" in message
    assert "apt-get install -y --no-install-recommends chromium-headless-shell" in message
    monkeypatch.setattr(chromium, "_NAMES", ())
    monkeypatch.setenv("HOME", str(tmp_path))
    message = await start_error(RenderSettings())
    assert message.startswith("no Chromium found: install one with `apt-get install")
    assert "playwright install chromium-headless-shell" in message


async def test_a_program_that_is_no_browser_is_named(tmp_path: Path) -> None:
    """A start that fails tells which program failed."""
    path = executable(tmp_path / "chrome")
    assert f"Chromium ({path}) does not start" in await start_error(
        RenderSettings(executable_path=path)
    )


@needs_root
async def test_root_without_setpriv_cannot_have_the_sandbox(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Who insists on the sandbox where it cannot be had is told what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    message = await start_error(
        RenderSettings(sandbox="on", executable_path=executable(tmp_path / "chrome"))
    )
    assert "install setpriv (util-linux)" in message


@pytest.mark.parametrize("mode", ["auto", "off"])
async def test_the_sandbox_is_used_where_it_works(mode: str) -> None:
    """Whether Chromium is sandboxed is known, measured, and true."""
    settings = RenderSettings.model_validate({"slots": 1, "sandbox": mode})
    pool = RenderPool(settings, LimitSettings())
    await pool.start()
    try:
        assert (await pool.render("x", RenderOptions(), deadline=soon())).pages == 1
        browser = pool._supply.browser
        assert browser is not None
        switched_off = "--no-sandbox" in command_line(browser._processes[0].pid)
        assert pool.sandboxed is not switched_off
        assert metrics.BROWSER_SANDBOX.labels("static")._value.get() == pool.sandboxed
        assert pool.version is not None
        assert int(pool.version.split(".")[0]) > 100
        if mode == "off":
            assert not pool.sandboxed
    finally:
        await pool.close()
