"""What a person sees: colours, the bar, 80 columns."""

import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from fcntl import ioctl
from pathlib import Path

import pytest

from tests.support.command import clean_environ, command

from .conftest import address

COLUMNS = 80
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_terminal(*arguments: str, cwd: Path, url: str) -> tuple[int, str]:
    """Run the command on a terminal of 80 columns; gives its exit code and all that was shown."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, COLUMNS, 0, 0))
    process = subprocess.Popen(
        command(*arguments),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=cwd,
        env=clean_environ() | address(url) | {"TERM": "xterm-256color"},
    )
    os.close(theirs)
    shown = b""
    deadline = time.monotonic() + 50
    try:
        while time.monotonic() < deadline and (part := _read(ours)) is not None:
            shown += part
    finally:
        process.kill()
        os.close(ours)
    return process.wait(), shown.decode()


def _read(terminal: int) -> bytes | None:
    """What the terminal shows next; None when its program has ended."""
    if not select.select([terminal], [], [], 1)[0]:
        return b""
    try:
        return os.read(terminal, 4096) or None
    except OSError:
        return None


def test_waiting_shows_a_bar(service_url: str, tmp_path: Path) -> None:
    """On a terminal --wait shows a live bar with the job's progress, and then its result."""
    code, shown = on_terminal(
        "submit", "count", "--wait", "--data", '{"pause": 0.8}', cwd=tmp_path, url=service_url
    )
    assert code == 0, shown
    assert "━" in shown
    assert "counted to 75" in shown
    assert '"counted"' in shown


@pytest.fixture(scope="module")
def dead_job(service_url: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A job that has a lot to say about why it is dead."""
    ended = subprocess.run(
        command("submit", "fail", "--data", "{}", "--wait"),
        stderr=subprocess.DEVNULL,
        check=False,
        cwd=tmp_path_factory.mktemp("submit"),
        env=clean_environ() | address(service_url),
    )
    assert ended.returncode == 1


@pytest.mark.usefixtures("dead_job")
@pytest.mark.parametrize("verb", ["list --limit 500", "stats", "workers", "queues", "check"])
def test_nothing_is_wider_than_the_terminal(service_url: str, tmp_path: Path, verb: str) -> None:
    """In 80 columns no table breaks its lines."""
    _, shown = on_terminal(*verb.split(), cwd=tmp_path, url=service_url)
    lines = re.split(r"[\r\n]+", ESCAPE.sub("", shown))
    assert len(lines) > 1
    assert [line for line in lines if len(line) > COLUMNS] == []


def test_ctrl_c_leaves_the_job_alone(service_url: str, tmp_path: Path) -> None:
    """Who stops waiting is told that the job goes on, and how to look at it."""
    with subprocess.Popen(
        command("submit", "count", "--wait", "--data", '{"pause": 6}'),
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=clean_environ() | address(service_url),
    ) as process:
        assert process.stderr
        assert process.stderr.readline()
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert " goes on: jobqueue result default-" in rest
    assert "Traceback" not in rest
