"""Processes that die: nothing is lost, nothing is done twice."""

import os
import signal
import tempfile
from pathlib import Path

import pytest
import redis

from tests.support.redis import redis_server

from .programs import Launcher, Program, eventually

pytestmark = pytest.mark.system

QUEUES = ("--queues", "default=4")


def test_a_killed_workers_job_completes_elsewhere(launcher: Launcher) -> None:
    """A job whose worker is killed with -9 runs again on another one, and is completed once."""
    release = launcher.folder / "release"
    with launcher.two_workers(*QUEUES) as (api, one, two):
        job_id = api.submit("hold", trace=str(launcher.trace), release=str(release))
        pid = int(launcher.first("began")[2])
        victim = one if one.pid == pid else two
        victim.signal(signal.SIGKILL)
        eventually(lambda: launcher.count("began") == 2, within=3 * 5.0, what="a second start")
        release.touch()
        job = api.ended(job_id, within=10)
        recovered = api.metric("jobqueue_leases_recovered_total")
    assert (job["state"], job["result"], job["attempt"]) == ("completed", "held", 1)
    assert launcher.count("ended") == 1
    assert {line[2] for line in launcher.lines()} == {str(one.pid), str(two.pid)}
    assert recovered == 1


def test_two_workers_never_hold_one_job(launcher: Launcher) -> None:
    """Three workers and six hundred jobs: each job runs once."""
    with (
        launcher.serve("api,worker,reaper", *QUEUES) as api,
        launcher.serve("worker", *QUEUES) as one,
        launcher.serve("worker", *QUEUES) as two,
    ):
        for program in (api, one, two):
            program.wait_ready()
        jobs = [
            {"type": "record", "payload": {"trace": str(launcher.trace), "name": number}}
            for number in range(600)
        ]
        assert api.post("/api/v1/jobs/bulk", jobs)[0] == 202
        eventually(lambda: _completed(api) == 600, within=60, what="all jobs")
        finished = sum(p.metric("jobqueue_jobs_finished_total") for p in (api, one, two))
        enqueued = api.metric("jobqueue_jobs_enqueued_total")
    names = [int(line[1]) for line in launcher.lines()]
    assert sorted(names) == list(range(600))
    assert (enqueued, finished) == (600, 600)


def test_redis_killed_in_mid_work(tmp_path: Path, namespace: str) -> None:
    """Redis is killed and comes back on its append-only file: every job ends exactly once."""
    with tempfile.TemporaryDirectory(prefix="jq-") as folder:
        url = f"unix://{folder}/redis.sock"
        launcher = Launcher(tmp_path, url, namespace)
        with redis_server(Path(folder), "--appendonly", "yes"):
            pid = _redis_pid(url)
            with launcher.serve("api,worker,reaper", *QUEUES) as service:
                service.wait_ready()
                jobs = [
                    {
                        "type": "record",
                        "payload": {"trace": str(launcher.trace), "name": n, "seconds": 0.02},
                    }
                    for n in range(400)
                ]
                assert service.post("/api/v1/jobs/bulk", jobs)[0] == 202
                eventually(lambda: launcher.count("ran") > 40, within=15, what="work")
                os.kill(pid, signal.SIGKILL)
                eventually(lambda: service.get("/readyz")[0] == 503, within=15, what="503")
                assert service.get("/healthz")[0] == 200
                assert service.post("/api/v1/jobs", jobs[0])[0] == 503
                with redis_server(Path(folder), "--appendonly", "yes"):
                    eventually(service.ready, within=15, what="readiness")
                    eventually(lambda: _completed(service) == 400, within=60, what="all jobs")
                    finished = service.metric("jobqueue_jobs_finished_total")
    assert sorted(int(line[1]) for line in launcher.lines()) == list(range(400))
    assert finished == 400


def test_killed_between_upload_and_verdict(launcher: Launcher, redis_url: str) -> None:
    """A worker that is killed when its large result is stored and not published loses nothing.

    The job runs elsewhere and has the result of that run, beside which the first one stays
    unseen until housekeeping finds it.
    """
    release = launcher.folder / "release"
    with launcher.serve("api,reaper") as api, redis.Redis.from_url(redis_url) as client:
        api.wait_ready()
        with launcher.serve("worker", *QUEUES) as first:
            first.wait_ready()
            job_id = api.submit("large", trace=str(launcher.trace), release=str(release))
            launcher.first("began")
            client.client_pause(30_000, all=False)  # no verdict gets through
            release.touch()
            eventually(lambda: len(_results(launcher)) == 1, within=15, what="an upload")
            assert first.process.poll() is None
            first.signal(signal.SIGKILL)
            first.exit_code(within=5)
            client.client_unpause()
        assert api.job(job_id)["state"] != "completed"
        with launcher.serve("worker", *QUEUES) as second:
            job = api.ended(job_id, within=30)
            second.wait_ready()
    assert (job["state"], job["result"], job["attempt"]) == ("completed", "x" * 100_000, 1)
    assert len(_results(launcher)) == 2


def _completed(service: Program) -> int:
    return int(service.get("/api/v1/stats")[1]["completed"])


def _results(launcher: Launcher) -> list[Path]:
    """The large results in the storage."""
    return [*launcher.folder.glob("data/storage/results/*/*.json")]


def _redis_pid(url: str) -> int:
    with redis.Redis.from_url(url) as client:
        return int(client.info("server")["process_id"])
