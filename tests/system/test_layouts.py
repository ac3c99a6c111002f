"""Real processes under which another version changes the layout of their queue."""

import signal

import pytest
import redis

from .programs import Launcher, eventually

pytestmark = pytest.mark.system

QUEUES = ("--queues", "default=4")


@pytest.mark.parametrize("processes", [1, 2])
def test_a_worker_ends_in_order_when_its_queue_outdates_it(
    launcher: Launcher, redis_url: str, namespace: str, processes: int
) -> None:
    """It settles what it runs, and exits with 2 and a line that says what to do."""
    release = launcher.folder / "release"
    with (
        launcher.serve("api") as api,
        launcher.serve("worker", *QUEUES, "--processes", str(processes)) as worker,
    ):
        job_id = api.submit("hold", trace=str(launcher.trace), release=str(release))
        launcher.first("began")
        with redis.Redis.from_url(redis_url) as client:
            client.hset(f"{namespace}:{{default}}:meta", "version", 999)
        eventually(lambda: "layout 999" in worker.log.read_text(), within=10, what="the log line")
        assert worker.process.poll() is None
        release.touch()
        assert worker.exit_code(within=20) == 2
        assert "run the same version everywhere" in worker.log.read_text().splitlines()[-1]
        assert api.job(job_id)["state"] == "completed"
        api.signal(signal.SIGTERM)
        assert api.exit_code(within=20) == 0
