"""Runs the drivers as processes and reads what they print."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks._participants import Participant
from tests.support.command import REPOSITORY

DEADLINE = 60.0
"""Seconds for one step of a case: they are made to take a few."""

POLL = 0.002
"""Seconds between two looks at Redis: a thousandth of a case."""


class DriverFailed(Exception):
    """A driver broke or did not end its work; the message has its last words."""


def run_driver(participant: Participant, verb: str, url: str, number: float) -> list[str]:
    """What a driver that ends by itself printed, word by word."""
    command = [*participant.command, verb, url, f"{number:g}"]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE,
            cwd=REPOSITORY,
            env=participant.environ,
        )
    except subprocess.TimeoutExpired:
        raise DriverFailed(f"{verb} did not end within {DEADLINE:g} s") from None
    if done.returncode:
        raise DriverFailed(f"{verb}: {_last_line(done.stderr)}")
    return done.stdout.split()


def _last_line(text: str) -> str:
    """What a program said at last, which in Python is the error."""
    return (text.strip().splitlines() or ["without a word"])[-1].strip()


class WorkerProcess:
    """A running worker of a driver."""

    def __init__(self, process: "subprocess.Popen[bytes]", output: Path, log: Path) -> None:
        self._process = process
        self._output = output
        self._log = log

    def first_start(self) -> float:
        """When the first handler started, on the monotonic clock."""
        self.wait_for(lambda: bool(self._values("first")))
        return self._values("first")[0]

    def latencies(self) -> list[float]:
        """Seconds from enqueue to start of each paced job, in order of length."""
        return sorted(self._values("late"))

    def wait_for(self, condition: Callable[[], bool]) -> int:
        """Poll until the condition holds; how often it was asked.

        Raises:
            DriverFailed: the worker broke, or the condition never held.
        """
        polls, deadline = 1, time.monotonic() + DEADLINE
        while not condition():
            if self._process.poll() is not None:
                raise DriverFailed(f"its worker ended: {_last_line(self._log.read_text())}")
            if time.monotonic() > deadline:
                raise DriverFailed(f"its worker had not finished within {DEADLINE:g} s")
            time.sleep(POLL)
            polls += 1
        return polls

    def _values(self, label: str) -> list[float]:
        lines = (line.split() for line in self._output.read_text().splitlines())
        return [float(line[1]) for line in lines if len(line) == 2 and line[0] == label]


@contextmanager
def working(
    participant: Participant, url: str, concurrency: int, folder: Path
) -> Iterator[WorkerProcess]:
    """A worker process, killed afterwards: how it would end is not measured."""
    output, log = folder / "worker.out", folder / "worker.log"
    command = [*participant.command, "work", url, str(concurrency)]
    with output.open("wb") as out, log.open("wb") as err:
        process = subprocess.Popen(
            command, stdout=out, stderr=err, cwd=REPOSITORY, env=participant.environ
        )
    try:
        yield WorkerProcess(process, output, log)
    finally:
        process.kill()
        process.wait()
