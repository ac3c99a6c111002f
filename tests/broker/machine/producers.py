"""Rules of those who send jobs."""

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from jobqueue.conflicts import IdempotencyConflict
from jobqueue.errors import Backpressure, UnknownParent
from jobqueue.submission import JobOptions, NewJob, Parent, Priority, Unique
from tests.broker.helpers import new_job, prefix_of

from .base import Machine
from .strategies import PICK, POLICIES, TENANTS, UNIQUE, picked


class Producers(Machine):
    """Jobs come in, single and several, plain and asking for all there is."""

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
        before = self.digest()
        try:
            answers = self.run_(self.broker.enqueue_many(jobs))
        except (Backpressure, UnknownParent):
            assert self.digest() == before, "a refused call has changed something"
            return
        for job, answer in zip(jobs, answers, strict=True):
            if answer.stands_for is None:
                assert answer.id == job.id
                self.accepted.add(job.id)
                self.sent.append(job)
                if answer.state.is_final:
                    self.final.add(job.id)

    @rule(pick=PICK)
    def enqueue_again(self, pick: int) -> None:
        """A producer that lost the answer sends its job again, wherever that is by now."""
        job = picked([job for job in self.sent if job.id in self.accepted], pick)
        if job is None:
            return
        before = self.digest()
        self.run_(self.broker.enqueue_many([job]))
        assert self.digest() == before

    @rule(tenant=TENANTS, policy=POLICIES, unique=UNIQUE, delayed=st.booleans())
    def enqueue_flow(
        self, tenant: str | None, policy: Any, unique: Unique | None, delayed: bool
    ) -> None:
        """A flow in one call: the last job first, and the first of them perhaps stood in for."""
        top = self._new(tenant, delayed=False, options=JobOptions(unique=unique))
        sides = [self._after(top, policy=policy, delayed=delayed) for _ in range(2)]
        self._enqueue([self._after(*sides, policy=policy, delayed=False), *sides, top])

    def _after(self, *parents: NewJob, policy: Any, delayed: bool) -> NewJob:
        edges = tuple(Parent(parent.id, policy) for parent in parents)
        options = JobOptions(depends_on=edges)
        return self._new(None, delayed=delayed, options=options, priority=Priority.HIGH)

    @rule()
    def enqueue_conflicting(self) -> None:
        """A key that was used for another request is refused, and changes nothing."""
        if not self.client.exists(f"{prefix_of(self.namespace)}key:k1"):
            return
        before = self.digest()
        other = new_job(digest="other", options=JobOptions(key="k1"))
        with pytest.raises((IdempotencyConflict, Backpressure)):
            self.run_(self.broker.enqueue_many([other]))
        assert self.digest() == before
