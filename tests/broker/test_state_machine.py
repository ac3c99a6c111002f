"""Random lives of jobs: whatever workers, clients and the reaper do, nothing is lost or doubled."""

import asyncio
from collections.abc import Sequence
from typing import Any, TypeVar

import pytest
import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from typing_extensions import override

from jobqueue.broker.broker import Broker, Connections, Consumer, Lease
from jobqueue.ids import new_ulid
from jobqueue.job_log import NewLines
from jobqueue.model import (
    CancelResult,
    ClaimedJob,
    Failure,
    NewJob,
    Outcome,
    Priority,
    Progress,
    RetryResult,
    Settled,
    State,
    Verdict,
)
from jobqueue.settings import RetentionSettings

from .helpers import QUEUE, fingerprint, new_job, prefix_of
from .invariants import violations

WORKERS = ("a", "b", "c")
LEASE = 0.05
"""Seconds: workers that stall lose their jobs while the machine goes on."""

OUTCOMES = st.sampled_from(list(Outcome))
PICK = st.integers(0, 10_000)
"""Which of several to take: drawn before it is known how many there are, since that
depends on time."""

T = TypeVar("T")


def picked(things: Sequence[T], pick: int) -> T | None:
    """One of `things`, None when there are none."""
    return things[pick % len(things)] if things else None


class Lives(RuleBasedStateMachine):
    """Jobs, three workers that die, stall, lie and re-send, and a reaper.

    The model is small: which ids were accepted, which have a final state, and which
    deliveries a worker believes in. What Redis must look like is in `violations`.
    """

    url: str

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.namespace = f"machine-{new_ulid()}"
        self.client = redis.Redis.from_url(self.url, decode_responses=True)
        self.broker: Broker = self.run_(self._open())
        self.consumers: dict[str, Consumer] = {}
        for name in WORKERS:
            self._start_worker(name)
        self.accepted: set[str] = set()
        self.final: set[str] = set()
        self.held: list[tuple[str, ClaimedJob]] = []
        self.settled: list[tuple[str, Verdict]] = []
        self.tokens: set[tuple[str, str]] = set()

    def run_(self, coroutine: Any) -> Any:
        """Run a coroutine to its end."""
        return self.loop.run_until_complete(coroutine)

    async def _open(self) -> Broker:
        connections = await Connections.open(self.url)
        return Broker(connections, namespace=self.namespace, retention=RetentionSettings())

    def _start_worker(self, name: str) -> None:
        worker_id = f"{name}-{new_ulid()}"
        self.consumers[name] = self.run_(
            self.broker.consumer(QUEUE, worker_id=worker_id, lease=LEASE)
        )

    def _take(self, name: str, slots: int) -> None:
        for job in self.run_(self.consumers[name].claim(slots)).jobs:
            assert job.id in self.accepted
            assert job.id not in self.final, "a finished job was started again"
            assert (job.id, job.token) not in self.tokens, "a token was given twice"
            self.tokens.add((job.id, job.token))
            self.held.append((name, job))

    @rule(count=st.integers(1, 4), priority=st.sampled_from(list(Priority)), delay=st.booleans())
    def enqueue(self, count: int, priority: Priority, delay: bool) -> None:
        """Some jobs come in, perhaps due a little later."""
        jobs: list[NewJob] = [
            new_job(priority=priority, delay_ms=20 if delay else 0) for _ in range(count)
        ]
        self.run_(self.broker.enqueue_many(jobs))
        self.accepted |= {job.id for job in jobs}

    @rule(name=st.sampled_from(WORKERS), slots=st.integers(0, 3))
    def claim(self, name: str, slots: int) -> None:
        """A worker asks for work, or hands back what was delivered to it."""
        self._take(name, slots)

    @rule(name=st.sampled_from(WORKERS))
    def wait(self, name: str) -> None:
        """An idle worker blocks; what it is handed lies in its inbox until it claims."""
        self.run_(self.consumers[name].wait(0.001))

    @rule(pick=PICK, outcome=OUTCOMES, delay=st.sampled_from([0, 20]))
    def settle(self, pick: int, outcome: Outcome, delay: int) -> None:
        """A worker ends a delivery, in time or late."""
        holder = picked(self.held, pick)
        if holder is None:
            return
        self.held.remove(holder)
        name, job = holder
        verdict = Verdict(job.id, job.token, outcome, delay, b"1", Failure("X", "it broke"), "x")
        (answer,) = self.run_(self.consumers[name].settle([verdict]))
        self.settled.append((name, verdict))
        if answer in {Settled.OK, Settled.CANCELLED} and self._state(job.id).is_final:
            self.final.add(job.id)

    @rule(pick=PICK)
    def settle_again(self, pick: int) -> None:
        """A worker that lost the answer sends its verdict again."""
        sent = picked(self.settled, pick)
        if sent is None:
            return
        name, verdict = sent
        before = self._digest()
        (answer,) = self.run_(self.consumers[name].settle([verdict]))
        assert answer in {Settled.DONE, Settled.STALE}
        assert self._digest() == before

    @rule(pick=PICK)
    def report(self, pick: int) -> None:
        """A worker tells of a delivery that it believes in."""
        holder = picked(self.held, pick)
        if holder is None:
            return
        name, job = holder
        lease = Lease(job.id, job.token)
        lines = NewLines(1, ((0, "working"),))
        self.run_(self.consumers[name].report({lease: Progress(50)}, {lease: lines}))

    @rule(pick=PICK)
    def cancel(self, pick: int) -> None:
        """Somebody calls a job off, in whatever state it is."""
        job_id = picked(sorted(self.accepted), pick)
        if job_id is None:
            return
        answer = self.run_(self.broker.cancel(job_id))
        if answer is CancelResult.CANCELLED:
            assert job_id not in self.final
            self.final.add(job_id)
        elif answer is CancelResult.ALREADY_FINISHED:
            assert self._state(job_id).is_final

    @rule(pick=PICK)
    def retry(self, pick: int) -> None:
        """An operator queues a finished job again."""
        job_id = picked(sorted(self.final), pick)
        if job_id and self.run_(self.broker.retry(job_id)) is RetryResult.QUEUED:
            self.final.discard(job_id)

    @rule(name=st.sampled_from(WORKERS), gracefully=st.booleans())
    def restart_worker(self, name: str, gracefully: bool) -> None:
        """A worker goes, with or without signing off; its late verdicts may still come."""
        if gracefully:
            self.run_(self.consumers[name].leave())
        self._start_worker(name)

    @rule()
    def reap(self) -> None:
        """A pass of the reaper, after leases have run out."""
        self.run_(asyncio.sleep(LEASE / 3))
        report = self.run_(self.broker.reap(QUEUE, lease=LEASE))
        self.final |= {*report.dead, *report.cancelled}

    @invariant()
    def holds_together(self) -> None:
        """Redis is consistent after every step."""
        assert violations(self.client, prefix_of(self.namespace)) == []

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

    def _digest(self) -> dict[str, str]:
        return fingerprint(self.client, self.namespace)

    def _drain(self) -> None:
        self._start_worker("a")
        for _ in range(200):
            open_jobs = self.accepted - self.final
            if not open_jobs:
                break
            self.reap()
            jobs = self.run_(self.consumers["a"].claim(500)).jobs
            verdicts = [Verdict(job.id, job.token, Outcome.COMPLETED, 0, b"1") for job in jobs]
            self.run_(self.consumers["a"].settle(verdicts))
            self.final |= {job_id for job_id in open_jobs if self._state(job_id).is_final}
        left = {job_id: self._state(job_id) for job_id in self.accepted - self.final}
        assert left == {}, "jobs were left behind"
        assert violations(self.client, prefix_of(self.namespace)) == []

    def _state(self, job_id: str) -> State:
        job = self.run_(self.broker.get(job_id))
        assert job is not None, f"{job_id} was accepted and is gone"
        state: State = job.state
        return state


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
