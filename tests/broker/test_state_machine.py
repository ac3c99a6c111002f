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
from jobqueue.conflicts import IdempotencyConflict
from jobqueue.errors import Backpressure, UnknownParent
from jobqueue.ids import new_ulid
from jobqueue.job_log import NewLines
from jobqueue.limits import GroupLimits, QueueLimits, Rate
from jobqueue.model import (
    CancelResult,
    ClaimedJob,
    Failure,
    Outcome,
    Progress,
    RetryResult,
    Settled,
    Verdict,
)
from jobqueue.settings import RetentionSettings
from jobqueue.state import State
from jobqueue.submission import JobOptions, NewJob, Parent, Priority, Unique, UniqueMode

from .helpers import QUEUE, fingerprint, new_job, prefix_of
from .invariants import violations

WORKERS = ("a", "b", "c")
LEASE = 0.05
"""Seconds: workers that stall lose their jobs while the machine goes on."""

OUTCOMES = st.sampled_from(list(Outcome))
TENANTS = st.sampled_from([None, "red", "blue"])
POLICIES = st.sampled_from(["fail", "cancel", "ignore", "continue"])
PICK = st.integers(0, 10_000)
"""Which of several to take: drawn before it is known how many there are, since that
depends on time."""

LIMITS = st.builds(
    QueueLimits,
    concurrency=st.sampled_from([None, 1, 2]),
    rate=st.sampled_from([None, Rate(3, 0.02)]),
    size=st.sampled_from([None, 10]),
    group_concurrency=st.sampled_from([None, 1]),
    group_rate=st.sampled_from([None, Rate(2, 0.02)]),
    group_size=st.sampled_from([None, 5]),
    starvation_after=st.sampled_from([None, 0.01]),
)
GROUP_LIMITS = st.builds(
    GroupLimits,
    weight=st.integers(1, 3),
    paused=st.booleans(),
    concurrency=st.sampled_from([None, 2]),
)
UNIQUE = st.none() | st.builds(
    Unique,
    key=st.sampled_from(["u", "v"]),
    mode=st.sampled_from(list(UniqueMode)),
    ttl=st.just(0.02),
)

T = TypeVar("T")


def picked(things: Sequence[T], pick: int) -> T | None:
    """One of `things`, None when there are none."""
    return things[pick % len(things)] if things else None


class Lives(RuleBasedStateMachine):
    """Jobs, three workers that die, stall, lie and re-send, operators, and a reaper.

    The model is small: which ids were accepted, which have a final state, and which
    deliveries a worker believes in. What Redis must look like is in `violations`.
    """

    url: str

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.namespace = f"machine-{new_ulid()}"
        self.client = redis.Redis.from_url(self.url, decode_responses=True, encoding="latin-1")
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

    # Producers

    @rule(count=st.integers(1, 4), priority=st.sampled_from(list(Priority)), delay=st.booleans())
    def enqueue(self, count: int, priority: Priority, delay: bool) -> None:
        """Some plain jobs come in, perhaps due a little later."""
        self._enqueue([self._new(None, priority=priority, delayed=delay) for _ in range(count)])

    @rule(
        priority=st.sampled_from(list(Priority)),
        delayed=st.booleans(),
        tenant=TENANTS,
        unique=UNIQUE,
        key=st.sampled_from([None, "k1", "k2"]),
        expires_in=st.sampled_from([None, 0.02]),
        parents=st.lists(st.tuples(PICK, POLICIES), max_size=2),
    )
    def enqueue_asking(  # noqa: PLR0917 - drawn by name
        self,
        priority: Priority,
        delayed: bool,
        tenant: str | None,
        unique: Unique | None,
        key: str | None,
        expires_in: float | None,
        parents: list[tuple[int, Any]],
    ) -> None:
        """A job that asks for more than a place in line."""
        chosen = [(picked(sorted(self.accepted), pick), policy) for pick, policy in parents]
        options = JobOptions(
            key=key,
            unique=unique,
            expires_in=expires_in,
            depends_on=tuple(
                Parent(job_id, policy) for job_id, policy in dict(chosen).items() if job_id
            ),
        )
        job = self._new(tenant, priority=priority, delayed=delayed, options=options)
        self._enqueue([job, self._new(tenant, priority=priority, delayed=False)])

    def _new(self, tenant: str | None, *, delayed: bool, **fields: Any) -> NewJob:
        return new_job(group=tenant, delay_ms=20 if delayed else 0, digest="d", **fields)

    def _enqueue(self, jobs: list[NewJob]) -> None:
        before = self._digest()
        try:
            answers = self.run_(self.broker.enqueue_many(jobs))
        except (Backpressure, UnknownParent):
            assert self._digest() == before, "a refused call has changed something"
            return
        for job, answer in zip(jobs, answers, strict=True):
            if answer.stands_for is None:
                assert answer.id == job.id
                self.accepted.add(job.id)
                if answer.state.is_final:
                    self.final.add(job.id)

    @rule()
    def enqueue_conflicting(self) -> None:
        """A key that was used for another request is refused, and changes nothing."""
        if not self.client.exists(f"{prefix_of(self.namespace)}key:k1"):
            return
        before = self._digest()
        other = new_job(digest="other", options=JobOptions(key="k1"))
        with pytest.raises((IdempotencyConflict, Backpressure)):
            self.run_(self.broker.enqueue_many([other]))
        assert self._digest() == before

    # Workers

    @rule(name=st.sampled_from(WORKERS), slots=st.integers(0, 3))
    def claim(self, name: str, slots: int) -> None:
        """A worker asks for work, or hands back what was delivered to it."""
        for job in self.run_(self.consumers[name].claim(slots)).jobs:
            assert job.id in self.accepted
            assert job.id not in self.final, "a finished job was started again"
            assert (job.id, job.token) not in self.tokens, "a token was given twice"
            self.tokens.add((job.id, job.token))
            self.held.append((name, job))

    @rule(name=st.sampled_from(WORKERS))
    def wait(self, name: str) -> None:
        """An idle worker blocks; what it is handed lies in its inbox until it claims."""
        self.run_(self.consumers[name].wait(0.001))

    @rule(pick=PICK, outcome=OUTCOMES, delay=st.sampled_from([0, 20]), other=PICK)
    def settle(self, pick: int, outcome: Outcome, delay: int, other: int) -> None:
        """A worker ends a delivery, in time or late."""
        holder = picked(self.held, pick)
        if holder is None:
            return
        self.held.remove(holder)
        name, job = holder
        parent = picked(sorted(self.accepted - {job.id}), other)
        waitable = parent is not None and self._state(parent) is not State.BLOCKED
        parents = (Parent(parent, "continue"),) if parent and waitable else ()
        verdict = Verdict(
            job.id, job.token, outcome, delay, b"1", Failure("X", "it broke"), "x", parents
        )
        self._settle(name, verdict)
        self.settled.append((name, verdict))

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

    @rule(name=st.sampled_from(WORKERS), gracefully=st.booleans())
    def restart_worker(self, name: str, gracefully: bool) -> None:
        """A worker goes, with or without signing off; its late verdicts may still come."""
        if gracefully:
            self.run_(self.consumers[name].leave())
        self._start_worker(name)

    # Operators

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
            self._look()
        elif answer is CancelResult.ALREADY_FINISHED:
            assert self._state(job_id).is_final

    @rule(pick=PICK)
    def retry(self, pick: int) -> None:
        """An operator queues a finished job again."""
        job_id = picked(sorted(self.final), pick)
        if job_id and self.run_(self.broker.retry(job_id)) is RetryResult.QUEUED:
            self.final.discard(job_id)

    @rule(pick=PICK)
    def cancel_replay_cancel(self, pick: int) -> None:
        """Entries that were left behind do not bring a job back."""
        for step in (self.cancel, self.retry, self.cancel):
            step(pick)
        self.claim("a", 1)

    @rule(pick=PICK, priority=st.sampled_from(list(Priority)), how=st.integers(0, 2))
    def shift(self, pick: int, priority: Priority, how: int) -> None:
        """An operator lets a job start now, later, or before others."""
        job_id = picked(sorted(self.accepted), pick)
        if job_id is None:
            return
        operator = self.broker.operator
        steps = (
            operator.promote(job_id),
            operator.reschedule(job_id, self._now() + 20),
            operator.prioritize(job_id, priority),
        )
        for index, step in enumerate(steps):
            if index == how:
                self.run_(step)
            else:
                step.close()

    @rule(paused=st.booleans())
    def pause(self, paused: bool) -> None:
        """An operator closes the queue, or opens it."""
        operator = self.broker.operator
        self.run_(operator.pause(QUEUE) if paused else operator.resume(QUEUE))

    @rule(limits=LIMITS)
    def limit(self, limits: QueueLimits) -> None:
        """An operator sets or lifts the limits of the queue."""
        self.run_(self.broker.operator.set_limits(QUEUE, limits))

    @rule(tenant=st.sampled_from(["red", "blue"]), limits=GROUP_LIMITS)
    def limit_tenant(self, tenant: str, limits: GroupLimits) -> None:
        """An operator gives a tenant limits of its own."""
        self.run_(self.broker.operator.set_group_limits(QUEUE, tenant, limits))

    @rule(limit=st.sampled_from([None, 2, 100]))
    def archive(self, limit: int | None) -> None:
        """Let what ends wait for the archive, or not."""
        self.run_(self.broker.archive.set_limit(QUEUE, limit))

    @rule(state=st.sampled_from([State.QUEUED, State.SCHEDULED, State.BLOCKED]))
    def clear(self, state: State) -> None:
        """An operator cancels all that waits in one state."""
        self.run_(self._clear(state))
        self._look()

    # The reaper

    @rule()
    def reap(self) -> None:
        """A pass of the reaper, after leases have run out."""
        self.run_(asyncio.sleep(LEASE / 3))
        self.run_(self.broker.reap(QUEUE, lease=LEASE))
        self._look()

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

    def _drain(self) -> None:
        self._start_worker("a")
        self.limit(QueueLimits())
        for tenant in ("red", "blue"):
            self.limit_tenant(tenant, GroupLimits())
        self.pause(paused=False)
        for _ in range(200):
            if not self.accepted - self.final:
                break
            self.reap()
            jobs = self.run_(self.consumers["a"].claim(500)).jobs
            verdicts = [Verdict(job.id, job.token, Outcome.COMPLETED, 0, b"1") for job in jobs]
            self.run_(self.consumers["a"].settle(verdicts))
            self._look()
        left = {job_id: self._state(job_id) for job_id in self.accepted - self.final}
        assert left == {}, "jobs were left behind"
        assert violations(self.client, prefix_of(self.namespace)) == []

    async def _open(self) -> Broker:
        connections = await Connections.open(self.url)
        return Broker(connections, namespace=self.namespace, retention=RetentionSettings())

    async def _clear(self, state: State) -> None:
        async for _ in self.broker.operator.clear(QUEUE, state):
            pass

    def _start_worker(self, name: str) -> None:
        worker_id = f"{name}-{new_ulid()}"
        self.consumers[name] = self.run_(
            self.broker.consumer(QUEUE, worker_id=worker_id, lease=LEASE)
        )

    def _settle(self, name: str, verdict: Verdict) -> None:
        self.run_(self.consumers[name].settle([verdict]))
        self._look()

    def _look(self) -> None:
        """Which of the open jobs have ended, by whatever followed from a step."""
        self.final |= {
            job_id for job_id in self.accepted - self.final if self._state(job_id).is_final
        }

    def _digest(self) -> dict[str, str]:
        """Of all keys but those that go by themselves."""
        digests = fingerprint(self.client, self.namespace)
        return {name: digest for name, digest in digests.items() if self.client.ttl(name) == -1}

    def _now(self) -> int:
        seconds, micros = self.client.time()
        return int(seconds * 1000 + micros // 1000)

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
