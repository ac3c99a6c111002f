"""Random lives of jobs: whatever workers, clients and the reaper do, nothing is lost or doubled."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import invariant, rule, run_state_machine_as_test
from typing_extensions import override

from jobqueue.broker.codec import ulid_of
from jobqueue.limits import GroupLimits, QueueLimits
from jobqueue.model import Outcome, Verdict

from .helpers import prefix_of
from .invariants import violations
from .machine.movers import Movers
from .machine.operators import Operators
from .machine.producers import Producers
from .machine.schedules import Schedules
from .machine.strategies import PICK


class Lives(Producers, Movers, Operators, Schedules):
    """Jobs, three workers that die, stall, lie and re-send, operators, and reapers."""

    @rule(pick=PICK)
    def cancel_replay_cancel(self, pick: int) -> None:
        """Entries that were left behind do not bring a job back."""
        for step in (self.cancel, self.retry, self.cancel):
            step(pick)
        self.claim("a", 1)

    @invariant()
    def holds_together(self) -> None:
        """Redis is consistent after every step."""
        for queue in self.queues:
            assert violations(self.client, prefix_of(self.namespace, queue)) == []

    @invariant()
    def is_in_one_place(self) -> None:
        """A job that is moved is in one queue, or on its way."""
        starts = [prefix_of(self.namespace, queue) for queue in self.queues]
        for job_id in self.places:
            found = self.client.exists(*(start + ulid_of(job_id) for start in starts))
            assert found <= 1, f"{job_id} is in two queues"

    @override
    def teardown(self) -> None:
        """With one honest worker every job ends, in a bounded number of calls."""
        try:
            self._drain()
        finally:
            self.run_(self.broker.close())
            self.client.flushall()
            self.client.close()
            self.loop.close()

    def _drain(self) -> None:
        self.start_worker("a")
        self.limit(QueueLimits())
        for tenant in ("red", "blue"):
            self.limit_tenant(tenant, GroupLimits())
        self.pause(paused=False)
        for _ in range(200):
            if not self.accepted - self.final:
                break
            self.reap()
            for queue in self.queues:
                honest = self.consumer("a", queue)
                jobs = self.run_(honest.claim(500)).jobs
                verdicts = [Verdict(job.id, job.token, Outcome.COMPLETED, 0, b"1") for job in jobs]
                self.run_(honest.settle(verdicts))
            self.look()
        left = {job_id: self.state_of(job_id) for job_id in self.accepted - self.final}
        assert left == {}, "jobs were left behind"
        self.holds_together()


@pytest.mark.timeout(240)
def test_random_lives_of_jobs(redis_url: str) -> None:
    """Every accepted job ends exactly once, and Redis is consistent at every step on the way."""
    machine = type("BoundLives", (Lives,), {"url": redis_url})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=40,
            deadline=None,
            database=None,
            phases=[Phase.generate],  # time passes in Redis, so a shrunk run is another run
            suppress_health_check=list(HealthCheck),
        ),
    )
