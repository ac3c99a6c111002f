"""Rules of workers that die, stall, lie and re-send, and of the reaper."""

import asyncio

from hypothesis import strategies as st
from hypothesis.stateful import rule

from jobqueue.broker.broker import Lease
from jobqueue.job_log import NewLines
from jobqueue.model import Failure, Outcome, Progress, Settled, Verdict
from jobqueue.state import State
from jobqueue.submission import Parent
from tests.broker.helpers import QUEUE

from .base import LEASE, Machine
from .strategies import OUTCOMES, PICK, WORKERS, picked


class Workers(Machine):
    """Deliveries start, are told of, and end, in time or late."""

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
        before = self.digest()
        (answer,) = self.run_(self.consumers[name].settle([verdict]))
        assert answer in {Settled.DONE, Settled.STALE}
        assert self.digest() == before

    @rule(name=st.sampled_from(WORKERS), gracefully=st.booleans())
    def restart_worker(self, name: str, gracefully: bool) -> None:
        """A worker goes, with or without signing off; its late verdicts may still come."""
        if gracefully:
            self.run_(self.consumers[name].leave())
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
        self.run_(self.consumers[name].report({lease: Progress(50)}, {lease: lines}))

    @rule()
    def reap(self) -> None:
        """A pass of the reaper, after leases have run out."""
        self.run_(asyncio.sleep(LEASE / 3))
        self.run_(self.broker.reap(QUEUE, lease=LEASE))
        self.look()

    def _settle(self, name: str, verdict: Verdict) -> None:
        self.run_(self.consumers[name].settle([verdict]))
        self.look()
