"""Debian's packages: which are missing, and how to get them where we may."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

CHROMIUM = "chromium-headless-shell"
DRIVER_LIBRARY = "libatomic1"
FONTS = (
    "fonts-dejavu-core",
    "fonts-liberation",
    "fonts-noto-core",
    "fonts-noto-cjk",
    "fonts-noto-color-emoji",
)
"""Together they have the letters of all living languages, and what people send as emoji."""

READERS = ("poppler-utils", "fontconfig")
"""Programs that tests read documents and look for fonts with."""

INSTALL = ("install", "-y", "-qq", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120")
"""Another apt-get may be at work on a new machine; it is waited for."""


def is_debian() -> bool:
    """Whether packages come by apt here."""
    return bool(shutil.which("apt-get") and shutil.which("dpkg-query"))


def missing(packages: Sequence[str]) -> list[str]:
    """Those that are not installed."""
    query = ("dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n", *packages)
    answer = subprocess.run(query, check=False, capture_output=True, text=True).stdout
    installed = {line.split()[0] for line in answer.splitlines() if line.endswith(" installed")}
    return [package for package in packages if package not in installed]


def command(packages: Sequence[str]) -> str:
    """What a person would type to install them."""
    names = " ".join(packages)
    return f"sudo apt-get update && sudo apt-get install --no-install-recommends {names}"


def may_install() -> bool:
    """Whether we are root, or become it without being asked for a password."""
    return _become_root() is not None


def install(packages: Sequence[str]) -> None:
    """Install those that this release of the system has."""
    _update()
    _apt_get(*INSTALL, *(package for package in packages if _is_known(package)))


def fetch_programs(package: str, names: Sequence[str], folder: Path) -> bool:
    """Take programs out of a package without installing it, which would start a service."""
    if not _is_known(package) and may_install():
        _update()
    with tempfile.TemporaryDirectory(dir=folder) as place:
        fetch = ("apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", package)
        if subprocess.run(fetch, check=False, cwd=place, capture_output=True).returncode:
            return False
        (archive,) = Path(place).glob("*.deb")
        subprocess.run(("dpkg-deb", "--extract", archive, place), check=True)
        for name in names:
            shutil.move(Path(place, "usr", "bin", name), folder / name)
    return True


def _update() -> None:
    _apt_get("update", "-qq")  # a foreign source that is away is no reason to stop


def _become_root() -> list[str] | None:
    """What to put before a command that needs root; None: we may not."""
    if os.geteuid() == 0:
        return []
    sudo = ["sudo", "-n"]
    if shutil.which("sudo"):
        asked = subprocess.run([*sudo, "true"], check=False, capture_output=True)
        return None if asked.returncode else sudo
    return None


def _is_known(package: str) -> bool:
    show = ("apt-cache", "show", "--no-all-versions", package)
    return not subprocess.run(show, check=False, capture_output=True).returncode


def _apt_get(*arguments: str) -> None:
    root = _become_root() or []
    quietly = (*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *arguments)
    answer = subprocess.run(
        quietly, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if answer.returncode:
        print(answer.stdout, flush=True)
