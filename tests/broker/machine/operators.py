"""Rules of those who operate a queue."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from jobqueue.limits import GroupLimits, QueueLimits
from jobqueue.model import CancelResult, RetryResult
from jobqueue.state import State
from jobqueue.submission import Priority
from tests.broker.helpers import QUEUE

from .base import Machine
from .strategies import GROUP_LIMITS, LIMITS, PICK, picked


class Operators(Machine):
    """Jobs are called off, brought back, shifted; the queue is paused, limited, cleared."""

    @rule(pick=PICK)
    def cancel(self, pick: int) -> None:
        """Somebody calls a job off, in whatever state it is."""
        job_id = picked(sorted(self.accepted), pick)
        if job_id is None:
            return
        answer = self.run_(self.broker.cancel(job_id))
        if answer is CancelResult.CANCELLED:
            assert job_id not in self.final
            self.look()
        elif answer is CancelResult.ALREADY_FINISHED:
            assert self.state_of(job_id).is_final

    @rule(pick=PICK)
    def retry(self, pick: int) -> None:
        """An operator queues a finished job again."""
        job_id = picked(sorted(self.final), pick)
        if job_id and self.run_(self.broker.retry(job_id)) is RetryResult.QUEUED:
            self.final.discard(job_id)

    @rule()
    def retry_all(self) -> None:
        """An operator queues all finished jobs again, in one call."""
        finished = sorted(self.final)
        answers = self.run_(self.broker.operator.replay(finished))
        queued = zip(finished, answers, strict=True)
        self.final -= {job_id for job_id, answer in queued if answer is RetryResult.QUEUED}

    @rule(pick=PICK, priority=st.sampled_from(list(Priority)), how=st.integers(0, 2))
    def shift(self, pick: int, priority: Priority, how: int) -> None:
        """An operator lets a job start now, later, or before others."""
        job_id = picked(sorted(self.accepted), pick)
        if job_id is None:
            return
        operator = self.broker.operator
        steps = (
            operator.promote(job_id),
            operator.reschedule(job_id, self.now() + 20),
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

    @rule(state=st.sampled_from([State.QUEUED, State.SCHEDULED, State.BLOCKED]))
    def clear(self, state: State) -> None:
        """An operator cancels all that waits in one state."""
        self.run_(self._clear(state))
        self.look()

    async def _clear(self, state: State) -> None:
        async for _ in self.broker.operator.clear(QUEUE, state):
            pass
