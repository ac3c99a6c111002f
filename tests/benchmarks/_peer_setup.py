"""Gets the peers: each in an environment of its own under `.bench-peers`, at the pinned version."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.command import REPOSITORY

CACHE = REPOSITORY / ".bench-peers"
DRIVERS = Path(__file__).with_name("peers")
DEADLINE = 300
"""Seconds for one download: a registry that takes longer counts as out of reach."""


class Missing(Exception):
    """A peer cannot be had here; the message says why."""


def python_peer(name: str) -> Path:
    """The Python of an environment with this peer.

    Raises:
        Missing: it cannot be installed.
    """
    pinned = DRIVERS / f"{name}.txt"
    folder = CACHE / name
    python = folder / "bin" / "python"
    if not _is_current(folder, pinned):
        uv = (sys.executable, "-m", "uv")
        _run(*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
        _run(*uv, "pip", "install", "--quiet", "--python", str(python), "-r", str(pinned))
        shutil.copy(pinned, folder)
    return python


def node_modules() -> Path:
    """The folder of the packages in package.json.

    Raises:
        Missing: there is no Node, or they cannot be installed.
    """
    if not (shutil.which("node") and shutil.which("npm")):
        raise Missing("node and npm are not on the PATH")
    pinned = DRIVERS / "package.json"
    folder = CACHE / "node"
    if not _is_current(folder, pinned):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shutil.copy(pinned, folder)
        npm = ("npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund")
        try:
            _run(*npm, "--silent", "--prefix", str(folder))
        except Missing:
            shutil.rmtree(folder)  # the next run tries again
            raise
    return folder / "node_modules"


def pinned_version(name: str) -> str:
    """The version of a peer that is measured."""
    if name == "bullmq":
        package = json.loads((DRIVERS / "package.json").read_text())
        return str(package["dependencies"][name])
    pins = (DRIVERS / f"{name}.txt").read_text()
    found = re.search(rf"^{name}==(\S+)$", pins, re.MULTILINE)
    assert found, f"{name}.txt does not pin {name}"
    return found[1]


def _is_current(folder: Path, pinned: Path) -> bool:
    installed = folder / pinned.name
    return installed.exists() and installed.read_bytes() == pinned.read_bytes()


def _run(*command: str) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=DEADLINE
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(str(error)) from None
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise Missing(lines[-1].strip() if lines else f"{command[0]} failed")
