"""Signals: what happens to the jobs, the listener and the exit code."""

import signal
import subprocess
import time

import pytest

from .programs import Launcher, Program, eventually

pytestmark = pytest.mark.system

QUEUES = ("--queues", "default=4")
ROLES = "api,worker,reaper"


def _hold(launcher: Launcher, program: Program) -> str:
    """A running job that ends when the file `release` is there."""
    program.wait_ready()
    release = str(launcher.folder / "release")
    job_id = program.submit("hold", trace=str(launcher.trace), release=release)
    launcher.first("began")
    return job_id


def test_sigterm_drains(launcher: Launcher) -> None:
    """After SIGTERM a service is not ready at once, its running job ends, and it exits with 0."""
    with launcher.serve(ROLES, *QUEUES) as service:
        job_id = _hold(launcher, service)
        assert service.ready()
        service.signal(signal.SIGTERM)
        eventually(lambda: service.get("/readyz")[0] == 503, within=3, what="503")
        assert service.job(job_id)["state"] == "active"
        (launcher.folder / "release").touch()
        assert service.exit_code(within=15) == 0
    assert launcher.count("ended") == 1


def test_a_job_that_outlasts_the_drain_goes_back(launcher: Launcher) -> None:
    """A job still running at the end of the drain runs again elsewhere, with no attempt spent."""
    with launcher.serve("api") as api:
        with launcher.serve("worker", *QUEUES, "--drain", "0.3") as worker:
            worker.wait_ready()
            job_id = _hold(launcher, api)
            worker.signal(signal.SIGTERM)
            assert worker.exit_code(within=15) == 0
        job = api.job(job_id)
        assert (job["state"], job["attempt"], job["deliveries"]) == ("queued", 0, 0)
        (launcher.folder / "release").touch()
        with launcher.serve("worker", *QUEUES):
            job = api.ended(job_id, within=15)
    assert (job["state"], job["attempt"]) == ("completed", 1)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "SIGINT"]
)
def test_a_second_signal_forces(launcher: Launcher, number: signal.Signals, code: int) -> None:
    """A second signal ends the process at once, with the exit code a shell would tell."""
    with launcher.serve(ROLES, *QUEUES) as service:
        _hold(launcher, service)
        service.signal(number)
        eventually(lambda: service.get("/readyz")[0] == 503, within=3, what="503")
        service.signal(number)
        assert service.exit_code(within=3) == code


def test_a_second_signal_works_in_a_blocked_loop(launcher: Launcher) -> None:
    """A second signal ends the process even while a handler blocks the event loop."""
    with launcher.serve(ROLES, *QUEUES) as service:
        service.wait_ready()
        service.submit("wedge", trace=str(launcher.trace))
        launcher.first("began")
        service.signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            service.exit_code(within=0.5)
        service.signal(signal.SIGTERM)
        assert service.exit_code(within=3) == 143


def test_a_deaf_handler_makes_its_process_replaceable(launcher: Launcher) -> None:
    """A handler that ignores its cancellation loses its job; the process then exits with 75."""
    with launcher.serve("api") as api, launcher.serve("worker", *QUEUES) as worker:
        worker.wait_ready()
        api.wait_ready()
        began = time.monotonic()
        job_id = api.submit("deaf", trace=str(launcher.trace))
        job = api.ended(job_id, within=3 * 10.2)
        assert time.monotonic() - began > 10
        assert (job["state"], job["reason"]) == ("dead", "timeout")
        assert worker.exit_code(within=15) == 75


def test_a_wedged_process_ends_itself(launcher: Launcher) -> None:
    """A process whose loop is blocked for good past its job's deadline exits with 75."""
    with launcher.serve("api") as api, launcher.serve("worker", *QUEUES) as worker:
        worker.wait_ready()
        api.wait_ready()
        api.submit("wedge", trace=str(launcher.trace))
        launcher.first("began")
        assert worker.exit_code(within=50) == 75
