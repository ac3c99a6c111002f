"""Makes `.venv` and gets what jobqueue needs beside Python: a Redis server, a Chromium, fonts.

Runs on a bare machine's Python (3.11 or newer) and nothing else; `make setup` calls it.
A run that finds nothing changed since the last one ends at once.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import system_packages

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "set-up.json"

DOWNLOAD = ("playwright", "install", "chromium-headless-shell")

FIND_PROGRAMS = """
from jobqueue.broker.server_process import find_redis_server
from jobqueue.render.chromium import find_chromium
from jobqueue.settings import RenderSettings
print(find_redis_server())
print(find_chromium(RenderSettings()) or "")
"""
"""Asks the installed package itself what it would use."""

START_DRIVER = """
import subprocess, sys
from playwright._impl._driver import compute_driver_executable
sys.exit(subprocess.run([compute_driver_executable()[0], "--version"]).returncode)
"""


def main() -> int:
    """Set up what is not there yet; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dev", action="store_true", help="add what tests and checks need")
    dev = parser.parse_args().dev
    if sys.version_info < (3, 11):  # noqa: UP036 - this file also runs where the package cannot
        return fail("jobqueue needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ...")
    stamp = read_stamp()
    is_installed = (
        stamp.get("inputs") == inputs() and stamp["dev"] >= dev and succeeds(PYTHON, "-V")
    )
    if is_installed and stamp["complete"]:
        return 0
    dev = dev or bool(stamp.get("dev"))
    try:
        if not is_installed:
            install_python_packages(dev=dev, is_moved=stamp.get("root", str(ROOT)) != str(ROOT))
        complete = install_programs(dev=dev)
    except subprocess.CalledProcessError as error:
        print(error.stdout or "", end="", file=sys.stderr)
        return fail(f"`{' '.join(map(str, error.cmd))}` failed, see above")
    stamp = {"root": str(ROOT), "inputs": inputs(), "dev": dev, "complete": complete}
    STAMP.write_text(json.dumps(stamp))
    return 0


def say(line: str) -> None:
    """One line for the user."""
    print(f"set-up: {line}", flush=True)


def fail(line: str) -> int:
    """Say why it cannot go on; the exit code."""
    print(f"set-up: {line}", file=sys.stderr, flush=True)
    return 1


def read_stamp() -> dict[str, object]:
    """What the last run did; empty when there was none that ended."""
    try:
        return dict(json.loads(STAMP.read_text()))
    except (OSError, ValueError):
        return {}


def inputs() -> str:
    """A digest of everything that a set-up depends on, its place included: scripts name it."""
    files = [ROOT / name for name in ("pyproject.toml", "requirements.txt", "requirements-dev.txt")]
    digest = hashlib.sha256(str(ROOT).encode())
    for file in (*files, *sorted((ROOT / "scripts").glob("*.py"))):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def succeeds(*command: str | Path) -> bool:
    """Whether the command can be run and ends well."""
    try:
        return not subprocess.run(command, check=False, cwd=ROOT, capture_output=True).returncode
    except OSError:
        return False


def run(*command: str | Path) -> str:
    """Run it, its complaints shown; what it printed on stdout."""
    return subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout


def install_python_packages(*, dev: bool, is_moved: bool) -> None:
    """Make the virtual environment with the pinned packages and this checkout in it."""
    pip = (PYTHON, "-m", "pip")
    if is_moved or not succeeds(*pip, "--version"):
        say(f"making .venv with Python {sys.version.split()[0]}")
        run(sys.executable, "-m", "venv", "--clear", VENV)
    requirements = "requirements-dev.txt" if dev else "requirements.txt"
    say(f"installing the packages of {requirements}, pinned by hash, into .venv")
    install = (*pip, "install", "--quiet", "--disable-pip-version-check", "--no-input")
    run(*install, "--require-hashes", "-r", requirements)
    run(*install, "--no-deps", "--no-build-isolation", "--editable", ".")


def install_programs(*, dev: bool) -> bool:
    """Get what is missing beside Python; whether jobqueue can print PDFs in the end."""
    missing = missing_packages(dev=dev)
    if missing and system_packages.may_install():
        say(f"installing {' '.join(missing)}: to print PDFs, in the letters of all languages")
        system_packages.install(missing)
        missing = missing_packages(dev=dev)
    if dev and system_packages.is_debian() and not (VENV / "bin" / "prometheus").exists():
        fetch_prometheus()
    has_driver = succeeds(PYTHON, "-c", START_DRIVER)
    if has_driver and not find_programs()[1]:
        say("no package of Chromium is at hand, downloading Playwright's headless one")
        subprocess.run([PYTHON, "-m", *DOWNLOAD], check=False, cwd=ROOT)
    redis, chromium = find_programs()
    if missing:
        say(f"for PDFs in all languages run `{system_packages.command(missing)}`")
    elif not chromium:
        say(f"for PDFs run `.venv/bin/{' '.join(DOWNLOAD)}`, or install a Chromium")
    elif not has_driver:
        say("for PDFs install libatomic, which Playwright's driver needs")
    say(f"ready: Redis server {redis}, Chromium {chromium or 'missing'}")
    return bool(chromium) and has_driver


def missing_packages(*, dev: bool) -> list[str]:
    """The Debian packages that would make this machine complete; empty elsewhere."""
    if not system_packages.is_debian():
        return []
    wanted = [system_packages.DRIVER_LIBRARY, *system_packages.FONTS]
    if not find_programs()[1]:
        wanted.insert(0, system_packages.CHROMIUM)
    if dev:
        wanted += system_packages.READERS
    return system_packages.missing(wanted)


def fetch_prometheus() -> None:
    """Get the Prometheus that a test lets scrape all roles."""
    say("fetching Prometheus, which tests let scrape all roles, into .venv (not installed)")
    programs = ("prometheus", "promtool")
    if not system_packages.fetch_programs("prometheus", programs, VENV / "bin"):
        say("Prometheus is not to be had: those tests will be skipped")


def find_programs() -> tuple[str, str]:
    """The Redis server and the Chromium that jobqueue would run; empty: none."""
    redis, chromium = run(PYTHON, "-c", FIND_PROGRAMS).split("\n")[:2]
    return redis.removeprefix(f"{ROOT}/"), chromium


if __name__ == "__main__":
    sys.exit(main())
