"""Rules of schedules, against a model that knows nothing of how they are kept."""

import asyncio
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from jobqueue.schedule import GRACE_MS, Missed, Overlap, Schedule, job_at
from jobqueue.state import State
from jobqueue.timing import Timing
from tests.broker.helpers import QUEUE
from tests.broker.schedule_rig import HOUR, NAME, make_due, schedule

from .base import Machine

LATE_MS = st.sampled_from([5000, HOUR // 2])
"""How long ago the latest slot was: in time, or missed; far from either while the machine runs."""


class Schedules(Machine):
    """An hourly schedule that any number of reapers fire, in time, late, and again.

    Attributes:
        schedule: as it was put last; None: there is none.
        due: its next slot.
        last_job: id of the latest job that it made.
    """

    def __init__(self) -> None:
        super().__init__()
        self.schedule: Schedule | None = None
        self.due = 0
        self.last_job: str | None = None
        self.fired = self.skipped = 0

    @rule(
        late=LATE_MS,
        overlap=st.sampled_from(list(Overlap)),
        missed=st.sampled_from(list(Missed)),
        delayed=st.booleans(),
    )
    def put(self, late: int, overlap: Overlap, missed: Missed, delayed: bool) -> None:
        """A schedule is put, or replaced by one with other policies and the same slots."""
        timing = Timing(every=3600, start_ms=(self.now() - late) % HOUR)
        if self.schedule is None:
            self.due = self.now() // HOUR * HOUR + (timing.start_ms or 0)
            self.due += HOUR * (self.due <= self.now())
        else:
            timing = self.schedule.timing
        jitter = 0.1 * delayed
        self.schedule = schedule(timing=timing, overlap=overlap, missed=missed, jitter=jitter)
        self.run_(self.broker.schedules.put(self.schedule))
        self._check()

    @precondition(lambda self: self.schedule)
    @rule(hours=st.integers(-1, 4))
    def step_clock(self, hours: int) -> None:
        """The clock was put forward, or back over slots that fired already."""
        self.due = self._latest() - hours * HOUR
        make_due(self.client, self.namespace, self.due)

    @precondition(lambda self: self.schedule)
    @rule(reapers=st.integers(1, 3))
    def fire(self, reapers: int) -> None:
        """Some reapers pass at the same time, one of them twice."""
        made, told = self._foresee()
        fired = self.run_(self._passes(reapers))
        assert fired == len(made)
        self.accepted |= set(made)
        for job_id in told:
            job = self.run_(self.broker.get(job_id))
            assert job.cancel_requested if job.state is State.ACTIVE else job.state.is_final
        self._check()
        self.look()

    async def _passes(self, reapers: int) -> int:
        reports = await asyncio.gather(
            *(self.broker.fire_due(QUEUE) for _ in range(reapers)), self.broker.fire_due(QUEUE)
        )
        return sum(len(report.fired) for report in reports)

    def _foresee(self) -> tuple[list[str], list[str]]:
        """What is due to happen: ids of jobs that are made, and of jobs that are called off."""
        assert self.schedule
        made: list[str] = []
        called_off: list[str] = []
        for slot in self._slots():
            job_id = job_at(self.schedule, slot).id
            if job_id in self.accepted or job_id in self.places or job_id in made:
                continue  # this slot has had its job
            before = self.last_job if self._holds_up(made, called_off) else None
            if before and self.schedule.overlap is Overlap.SKIP:
                self.skipped += 1
                continue
            if before and self.schedule.overlap is Overlap.REPLACE:
                called_off.append(before)
            made.append(job_id)
            self.last_job = job_id
        self.fired += len(made)
        self.due = max(self.due, self._latest() + HOUR)
        return made, called_off

    def _holds_up(self, made: list[str], called_off: list[str]) -> bool:
        """Whether the job of an earlier slot has not ended, and is where it was made."""
        job_id = self.last_job
        if job_id in made:
            return job_id not in called_off
        if job_id not in self.accepted or self.place_of(job_id) != QUEUE:
            return False
        return not self.state_of(job_id).is_final

    def _slots(self) -> list[int]:
        """The slots that are to be looked at, as the policy for missed ones says."""
        assert self.schedule
        passed = list(range(self.due, self._latest() + 1, HOUR))
        timely = [slot for slot in passed if slot >= self.now() - GRACE_MS]
        return {Missed.ALL: passed, Missed.ONE: timely or passed[-1:], Missed.NONE: timely}[
            self.schedule.missed
        ]

    def _latest(self) -> int:
        assert self.schedule
        start = self.schedule.timing.start_ms or 0
        return (self.now() - start) // HOUR * HOUR + start

    def _check(self) -> None:
        """The schedule says of itself what the model says."""
        info: Any = self.run_(self.broker.schedules.get(NAME))
        assert (info.next_slot_ms, info.last_job_id) == (self.due, self.last_job)
        assert (info.fired, info.skipped) == (self.fired, self.skipped)
