"""What handlers need beside their jobs, in real processes."""

import os
import signal
from pathlib import Path

import pytest

from .programs import Launcher, eventually

pytestmark = pytest.mark.system


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_killed_worker_leaves_no_process(launcher: Launcher, processes: str) -> None:
    """The process of a handler dies with its worker, whatever it is in the middle of."""
    with launcher.serve("api,worker", "--queues", "default=1", "--processes", processes) as service:
        service.wait_ready()
        service.submit("compute", trace=str(launcher.trace))
        pid = int(launcher.first("began")[2])
        assert _parent(pid) is not None
        os.kill(_parent(pid) or 0, signal.SIGKILL)
        eventually(lambda: _parent(pid) is None, within=10, what="the end of the process")


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_worker_whose_lifespan_fails_does_not_start(launcher: Launcher, processes: str) -> None:
    """A lifespan that does not start ends the program with one line that names it."""
    broken = ("--app", "tests.system.broken_jobs:app", "--processes", processes)
    with launcher.serve("worker", "--queues", "default=1", *broken) as worker:
        assert worker.exit_code(within=30) == 2
        last = worker.log.read_text().splitlines()[-1]
    assert last == (
        "error: lifespan database did not start: ConnectionError: no database at localhost"
    )


def _parent(pid: int) -> int | None:
    """The parent of a process; None: it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[1])
