"""Several worker processes under one parent."""

import os
import signal
from contextlib import suppress

import pytest

from .programs import Launcher, Program, eventually

pytestmark = pytest.mark.system

QUEUES = ("--queues", "default=4")


def _run(launcher: Launcher, service: Program, count: int) -> None:
    """Run so many short jobs to their end."""
    jobs = [{"type": "record", "payload": {"trace": str(launcher.trace)}}] * count
    before = launcher.count("ran")
    assert service.post("/api/v1/jobs/bulk", jobs)[0] == 202
    eventually(lambda: launcher.count("ran") == before + count, within=15, what="jobs")


def test_a_dead_child_is_restarted(launcher: Launcher) -> None:
    """A killed worker process shows in /readyz, comes back, and its counts are kept."""
    with launcher.serve("api,worker,reaper", *QUEUES, "--processes", "2") as service:
        service.wait_ready()
        children = service.children()
        assert len(children) == 2
        _run(launcher, service, 40)
        name = "jobqueue_jobs_finished_total"
        eventually(lambda: service.metric(name) == 40, within=5, what="merged counts")
        slots = 'jobqueue_worker_slots{pool="default",state="free"}'
        eventually(lambda: f"{slots} 8.0" in service.get("/metrics")[1], within=5, what="slots")

        victim = min(children)
        os.kill(victim, signal.SIGKILL)
        status, answer = eventually(lambda: _not_ready(service), within=3, what="503")
        assert status == 503
        assert "worker process" in str(answer)
        assert service.metric(name) == 40

        eventually(service.ready, within=30, what="the restart")
        assert victim not in service.children()
        assert len(service.children()) == 2
        _run(launcher, service, 40)
        eventually(lambda: service.metric(name) == 80, within=5, what="merged counts")


def test_children_drain_with_their_parent(launcher: Launcher) -> None:
    """SIGTERM to the parent lets the jobs of its worker processes end, then all exit."""
    release = launcher.folder / "release"
    with launcher.serve("api,worker,reaper", *QUEUES, "--processes", "2") as service:
        service.wait_ready()
        children = service.children()
        service.submit("hold", trace=str(launcher.trace), release=str(release))
        launcher.first("began")
        service.signal(signal.SIGTERM)
        eventually(lambda: service.get("/readyz")[0] == 503, within=3, what="503")
        release.touch()
        assert service.exit_code(within=20) == 0
    assert launcher.count("ended") == 1
    assert not _alive(children)


def test_a_second_signal_takes_the_children_along(launcher: Launcher) -> None:
    """A second signal to the parent ends its worker processes too, at once."""
    with launcher.serve("api,worker", *QUEUES, "--processes", "2") as service:
        service.wait_ready()
        children = service.children()
        service.submit("hold", trace=str(launcher.trace), release=str(launcher.folder / "never"))
        launcher.first("began")
        service.signal(signal.SIGTERM)
        eventually(lambda: service.get("/readyz")[0] == 503, within=3, what="503")
        service.signal(signal.SIGTERM)
        assert service.exit_code(within=3) == 143
        eventually(lambda: not _alive(children), within=3, what="the children's end")


def test_children_do_not_outlive_a_killed_parent(launcher: Launcher) -> None:
    """Worker processes whose parent is killed hand their jobs back and end."""
    arguments = (*QUEUES, "--processes", "2", "--drain", "0.2")
    with launcher.serve("api") as api:
        api.wait_ready()
        with launcher.serve("worker", *arguments) as parent:
            parent.wait_ready()
            children = parent.children()
            release = str(launcher.folder / "never")
            job_id = api.submit("hold", trace=str(launcher.trace), release=release)
            launcher.first("began")
            parent.signal(signal.SIGKILL)
            eventually(lambda: not _alive(children), within=20, what="the children's end")
        assert api.job(job_id)["state"] == "queued"


def test_a_setting_that_no_child_can_start_with(launcher: Launcher) -> None:
    """What keeps the worker processes from starting ends the parent with 2, and is told."""
    missing = {"JOBQUEUE_RENDER__EXECUTABLE_PATH": "/nowhere/chromium"}
    queues = ("--queues", "reports=1")
    with launcher.serve("worker", *queues, "--processes", "2", **missing) as parent:
        assert parent.exit_code(within=30) == 2
        assert "/nowhere/chromium" in parent.log.read_text()


def _not_ready(service: Program) -> tuple[int, object] | None:
    status, answer = service.get("/readyz")
    return (status, answer) if status != 200 else None


def _alive(pids: set[int]) -> set[int]:
    alive = set()
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, 0)
            alive.add(pid)
    return alive
