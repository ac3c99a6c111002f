"""Rules of workers that die, stall, lie and re-send, and of the reaper."""

import asyncio

from hypothesis import strategies as st
from hypothesis.stateful import rule

from jobqueue.broker.broker import Consumer, Lease
from jobqueue.job_log import NewLines
from jobqueue.model import Failure, Outcome, Progress, Settled, Verdict
from jobqueue.state import State
from jobqueue.submission import Parent
from tests.broker.helpers import QUEUE

from .base import LEASE, OTHER, Machine, first_id
from .strategies import OUTCOMES, PICK, WORKERS, picked


class Workers(Machine):
    """Deliveries start, are told of, and end, in time or late."""

    @rule(name=st.sampled_from(WORKERS), slots=st.integers(0, 3))
    def claim(self, name: str, slots: int) -> None:
        """A worker asks for work, or hands back what was delivered to it."""
        self._claim(name, slots, QUEUE)

    @rule(name=st.sampled_from(WORKERS), slots=st.integers(0, 3))
    def claim_moved(self, name: str, slots: int) -> None:
        """A worker of the other queue asks for work, where there was any."""
        if self.places:
            self._claim(name, slots, OTHER)

    def _claim(self, name: str, slots: int, queue: str) -> None:
        for job in self.run_(self.consumer(name, queue).claim(slots)).jobs:
            job_id = first_id(job.id)
            assert job_id in self.accepted
            assert job_id not in self.final, "a finished job was started again"
            assert job.id == self.id_now(job_id), "a job was started where it is not"
            assert (job.id, job.token) not in self.tokens, "a token was given twice"
            self.tokens.add((job.id, job.token))
            self.held.append((name, job))

    @rule(name=st.sampled_from(WORKERS))
    def wait(self, name: str) -> None:
        """An idle worker blocks; what it is handed lies in its inbox until it claims."""
        self.run_(self.consumer(name, QUEUE).wait(0.001))

    @rule(pick=PICK, outcome=OUTCOMES, delay=st.sampled_from([0, 20]), other=PICK)
    def settle(self, pick: int, outcome: Outcome, delay: int, other: int) -> None:
        """A worker ends a delivery, in time or late."""
        holder = picked(self.held, pick)
        if holder is None:
            return
        self.held.remove(holder)
        name, job = holder
        parent = picked(sorted(self.accepted - {first_id(job.id)}), other)
        waitable = parent is not None and self.state_of(parent) is not State.BLOCKED
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
        consumer = self._consumer_of(name, verdict.id)
        before = self.digest()
        (answer,) = self.run_(consumer.settle([verdict]))
        assert answer in {Settled.DONE, Settled.STALE}
        assert self.digest() == before

    @rule(name=st.sampled_from(WORKERS), gracefully=st.booleans())
    def restart_worker(self, name: str, gracefully: bool) -> None:
        """A worker goes, with or without signing off; its late verdicts may still come."""
        for queue in self.queues if gracefully else ():
            self.run_(self.consumer(name, queue).leave())
        self.start_worker(name)

    @rule(pick=PICK)
    def report(self, pick: int) -> None:
        """A worker tells of a delivery that it believes in."""
        holder = picked(self.held, pick)
        if holder is None:
            return
        name, job = holder
        lease = Lease(job.id, job.token)
        lines = NewLines(1, ((0, "working"),))
        self.run_(self._consumer_of(name, job.id).report({lease: Progress(50)}, {lease: lines}))

    @rule()
    def reap(self) -> None:
        """A pass of the reaper, after leases have run out."""
        self.run_(asyncio.sleep(LEASE / 3))
        for queue in self.queues:
            self.run_(self.broker.reap(queue, lease=LEASE))
        self.look()

    def _settle(self, name: str, verdict: Verdict) -> None:
        self.run_(self._consumer_of(name, verdict.id).settle([verdict]))
        self.look()

    def _consumer_of(self, name: str, job_id: str) -> Consumer:
        return self.consumer(name, QUEUE if job_id == first_id(job_id) else OTHER)
