"""Worker processes that stand still: what was delivered to them does not wait for them."""

import signal
import time
from collections.abc import Iterator

import pytest
import redis

from .programs import Launcher, Program, eventually

pytestmark = pytest.mark.system

QUEUES = ("--queues", "default=2")

HANDED_BACK = 3.0
"""Seconds after which a job leaves the inbox of a worker that does not start it."""

SLACK = 2.0
"""Seconds for the rest of its way, on a busy test machine."""


class Inboxes:
    """What Redis has delivered and no worker has started."""

    def __init__(self, url: str, namespace: str) -> None:
        self._client = redis.Redis.from_url(url, decode_responses=True)
        self._pattern = f"{namespace}:{{default}}:inbox:*"
        self._others = self._blocked()

    def of(self, worker: Program) -> bool:
        """Whether anything waits for this worker."""
        return any(
            int(key.rpartition("-")[0].rpartition("-")[2]) == worker.pid
            for key in self._client.scan_iter(self._pattern)
        )

    def waiting(self) -> bool:
        """Whether two workers wait for a job."""
        return self._blocked() - self._others == 2

    def _blocked(self) -> int:
        return int(self._client.info("clients")["blocked_clients"])

    def close(self) -> None:
        """Drop the connection."""
        self._client.close()


@pytest.fixture
def inboxes(redis_url: str, namespace: str) -> Iterator[Inboxes]:
    """The inboxes of the test's workers."""
    inboxes = Inboxes(redis_url, namespace)
    yield inboxes
    inboxes.close()


def test_a_job_in_the_inbox_of_a_frozen_process(launcher: Launcher, inboxes: Inboxes) -> None:
    """A job that reaches a stopped process runs on another one within seconds."""
    with launcher.two_workers(*QUEUES) as (api, one, two):
        job_id, frozen = _deliver(api, one, two, launcher, inboxes)
        other = two if frozen is one else one
        _thaw(other)
        api.ended(job_id, within=HANDED_BACK + SLACK)
        assert launcher.lines()[-1][2] == str(other.pid)
        _thaw(frozen)
        eventually(lambda: frozen.get("/readyz")[0] == 200, within=15, what="readiness")
        job = api.job(job_id)
    assert (job["state"], job["attempt"]) == ("completed", 1)


def test_a_job_in_the_inbox_of_a_wedged_process(launcher: Launcher, inboxes: Inboxes) -> None:
    """A process whose event loop stands still keeps what it runs, and nothing that it does not."""
    release = launcher.folder / "release"
    with launcher.two_workers(*QUEUES) as (api, one, two):
        eventually(inboxes.waiting, within=15, what="idle workers")
        stalled = api.submit("stall", trace=str(launcher.trace), release=str(release))
        pid = launcher.first("stalled")[2]
        wedged, other = (one, two) if pid == str(one.pid) else (two, one)
        _freeze(other)
        jobs = [api.submit("record", trace=str(launcher.trace), name=n) for n in range(2)]
        assert inboxes.of(wedged)
        _thaw(other)
        began = time.monotonic()
        for job_id in jobs:
            api.ended(job_id, within=HANDED_BACK + SLACK)
        assert time.monotonic() - began < HANDED_BACK + SLACK
        assert {line[2] for line in launcher.lines() if line[0] == "ran"} == {str(other.pid)}
        time.sleep(3.0)  # longer than the lease of the job that stands still
        release.touch()
        job = api.ended(stalled, within=10)
    assert (job["state"], job["result"], job["attempt"]) == ("completed", "went on", 1)
    assert launcher.count("stalled") == 1
    assert launcher.count("ran") == 2


def _deliver(
    api: Program, one: Program, two: Program, launcher: Launcher, inboxes: Inboxes
) -> tuple[str, Program]:
    """A job in the inbox of one of two stopped workers, and that worker."""
    while True:  # their waits may end just before the job comes
        eventually(inboxes.waiting, within=15, what="idle workers")
        _freeze(one, two)
        job_id = api.submit("record", trace=str(launcher.trace))
        frozen = next((worker for worker in (one, two) if inboxes.of(worker)), None)
        if frozen is not None:
            return job_id, frozen
        _thaw(one, two)
        api.ended(job_id, within=15)


def _freeze(*workers: Program) -> None:
    for worker in workers:
        worker.signal(signal.SIGSTOP)


def _thaw(*workers: Program) -> None:
    for worker in workers:
        worker.signal(signal.SIGCONT)
