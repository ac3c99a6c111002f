"""Rules of operators who move jobs to another queue, and remove dead ones."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from jobqueue.app.dead import DeadLetters
from jobqueue.app.listing import JobFilter
from jobqueue.broker import scripts
from jobqueue.broker.codec import ulid_of
from jobqueue.state import State
from tests.broker.helpers import QUEUE, prefix_of

from .base import OTHER
from .strategies import PICK, picked
from .workers import Workers

KEEP_MS = 86_400_000
STAYS = {"awaited", "inputs", "unique"}


class Movers(Workers):
    """Jobs go to the other queue, and come back; dead ones are removed.

    Attributes:
        messages: what was ever on its way from each queue.
    """

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[tuple[str, str]] = []

    @rule(pick=PICK, queue=st.sampled_from([QUEUE, OTHER, OTHER]))
    def move(self, pick: int, queue: str) -> None:
        """An operator moves a job, by the id that it had at first."""
        job_id = picked(sorted(self.accepted), pick)
        if job_id is None:
            return
        state, before = self.state_of(job_id), self._history(job_id)
        answer = self.run_(self.broker.operator.move(job_id, queue))
        if answer == "moved" and self.place_of(job_id) != queue:
            assert state in {State.QUEUED, State.SCHEDULED}
            self.places[job_id] = queue
            assert self.state_of(job_id) in {State.QUEUED, State.SCHEDULED}
            self._check_history(job_id, before)
        elif answer in {"moved", "here"}:
            assert self.place_of(job_id) == queue
        elif answer in STAYS:
            assert state in {State.QUEUED, State.SCHEDULED}
        else:
            assert answer == state
        self.look()

    @rule(pick=PICK)
    def move_and_die(self, pick: int) -> None:
        """An operator's process dies when the job has left, and has not arrived."""
        job_id = picked(sorted(self.accepted), pick)
        if job_id is None:
            return
        left = self.place_of(job_id)
        target = OTHER if left == QUEUE else QUEUE
        meta = f"{prefix_of(self.namespace, left)}meta"
        call = scripts.move_out(meta, ulid_of(job_id), target, KEEP_MS, "")
        if self.run_(self.broker._channel.call(call)) == b"moved":
            self.places[job_id] = target
            outbox = f"{prefix_of(self.namespace, left)}outbox"
            self.messages += [(outbox, text) for text in self._waiting_in(outbox)]

    def _waiting_in(self, outbox: str) -> list[str]:
        texts: Any = self.client.zrange(outbox, 0, -1)
        return list(texts)

    @rule(pick=PICK)
    def carry_again(self, pick: int) -> None:
        """A message that arrived long ago is carried over again."""
        message = picked(self.messages, pick)
        if message:
            outbox, text = message
            self.client.zadd(outbox, {text.encode("latin-1"): 1})
            self.reap()

    @rule(pick=PICK)
    def come_back_and_carry_again(self, pick: int) -> None:
        """A message is carried over again after its job has left where that brought it."""
        self.move_and_die(pick)
        self.move(pick, QUEUE)
        self.carry_again(len(self.messages) - 1)

    def _history(self, job_id: str) -> Any:
        job = self.run_(self.broker.get(job_id))
        return (
            (job.attempt, job.crashes, job.failure, job.priority, job.options),
            self.run_(self.broker.logs(job_id)),
            self.run_(self.broker.timeline(job_id)),
        )

    def _check_history(self, job_id: str, before: Any) -> None:
        facts, log, timeline = self._history(job_id)
        assert (facts, log) == before[:2]
        assert timeline[:-1] == before[2][-49:]
        assert timeline[-1].outcome == "moved"

    @rule(pick=PICK)
    def purge(self, pick: int) -> None:
        """An operator removes a job if it is dead."""
        job_id = picked(sorted(self.accepted), pick)
        if job_id is None:
            return
        expected = self._removable() & {job_id}
        count = self.run_(self.broker.operator.purge(State.DEAD, [self.id_now(job_id)]))
        assert count == len(expected)
        self._check_removed(expected)

    @rule()
    def purge_all(self) -> None:
        """An operator removes all dead jobs, page by page."""
        expected = self._removable()
        swept = self.run_(DeadLetters(self.broker).purge(JobFilter()))
        assert swept.count == len(expected)
        self._check_removed(expected)

    def _removable(self) -> set[str]:
        """The dead jobs whose dependents have all been told."""
        return {
            job_id
            for job_id in self.accepted
            if self.state_of(job_id) is State.DEAD and not self._has_to_tell(job_id)
        }

    def _has_to_tell(self, job_id: str) -> bool:
        prefix = prefix_of(self.namespace, self.place_of(job_id))
        return bool(self.client.exists(f"{prefix}{ulid_of(job_id)}:dependents"))

    def _check_removed(self, job_ids: set[str]) -> None:
        for job_id in job_ids:
            assert self.run_(self.broker.get(job_id)) is None
        self.forget(job_ids)
        self.look()
