"""Schedules: jobs that are made again and again. Pure: what a schedule is and when it fires."""

import hashlib
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from jobqueue.ids import derived_ulid
from jobqueue.submission import DEFAULT_OPTIONS, JobOptions, NewJob, Priority
from jobqueue.timing import Timing

GRACE_MS = 60_000
"""A slot that is later than this was missed: passes come every second, restarts take less."""

CATCH_UP = 20
"""Slots of one schedule in one pass: after an outage its backlog does not keep others waiting."""


NO_PAYLOAD = b"null"
"""The payload of a schedule that was given none."""


class Overlap(StrEnum):
    """What happens at a slot while the job of an earlier one has not ended."""

    ALLOW = "allow"
    """The new job is made all the same."""
    SKIP = "skip"
    """No job is made for this slot."""
    REPLACE = "replace"
    """The earlier job is cancelled, and the new one is made."""


class Missed(StrEnum):
    """What happens to slots that passed while nobody could fire them."""

    NONE = "none"
    """Nothing: the next slot is the next to fire."""
    ONE = "one"
    """The latest fires, unless another slot is due anyway."""
    ALL = "all"
    """Each fires, in order."""


class Schedule(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A job to make at every slot of a timing.

    Attributes:
        payload: JSON that each job gets.
        limit: most jobs that it ever makes; None: no end.
        jitter: seconds by which a job starts later at most, the same for whoever computes it.
    """

    name: str
    queue: str
    type: str
    timing: Timing
    payload: bytes = NO_PAYLOAD
    priority: Priority = Priority.NORMAL
    options: JobOptions = DEFAULT_OPTIONS
    limit: int | None = None
    jitter: float = 0.0
    overlap: Overlap = Overlap.ALLOW
    missed: Missed = Missed.ONE


class ScheduleState(StrEnum):
    """Where a schedule is."""

    ACTIVE = "active"
    PAUSED = "paused"
    FINISHED = "finished"
    """Its limit or end is reached."""


class ScheduleInfo(msgspec.Struct, frozen=True):
    """A schedule, and what has come of it; times in Unix milliseconds.

    Attributes:
        next_slot_ms: when it fires next; None while it does not.
        last_slot_ms: the latest slot that it fired or skipped.
        last_job_id: of the latest job that it made.
        fired: how many jobs it made.
        skipped: how many slots passed without one because of `overlap`.
    """

    schedule: Schedule
    state: ScheduleState
    next_slot_ms: int | None = None
    last_slot_ms: int | None = None
    last_job_id: str | None = None
    fired: int = 0
    skipped: int = 0


class Step(msgspec.Struct, frozen=True):
    """What to do at one slot: make its job or not, and go on to the next, if there is one.

    Attributes:
        fires: False: the slot passes.
    """

    slot_ms: int
    fires: bool
    next_ms: int | None


def plan(schedule: Schedule, due_ms: int, now_ms: int, *, bound: int = CATCH_UP) -> list[Step]:
    """The steps that are due, in order.

    Args:
        schedule: whose slots they are.
        due_ms: its first slot that nothing was done about.
        now_ms: the time; a slot before `now_ms - GRACE_MS` was missed.
        bound: most slots that fire.
    """
    slot = _first_to_fire(schedule, due_ms, now_ms)
    steps = [] if slot == due_ms else [Step(due_ms, fires=False, next_ms=slot)]
    fired = 0
    while slot is not None and slot <= now_ms and fired < bound:
        following = schedule.timing.next_after(slot)
        steps.append(Step(slot, fires=True, next_ms=following))
        slot, fired = following, fired + 1
    return steps


def _first_to_fire(schedule: Schedule, due_ms: int, now_ms: int) -> int | None:
    """The first slot from `due_ms` on that the policy for missed slots lets fire."""
    timely = now_ms - GRACE_MS
    if due_ms >= timely or schedule.missed is Missed.ALL:
        return due_ms
    following = schedule.timing.next_after(timely - 1)
    if schedule.missed is Missed.NONE or (following is not None and following <= now_ms):
        return following
    return schedule.timing.latest(due_ms - 1, timely - 1) or following


def next_slot_of_replacement(
    schedule: Schedule, replaced: Schedule, due_ms: int | None, now_ms: int
) -> int | None:
    """The next slot after a change of definition: the old one, where the timing is the same.

    Args:
        schedule: the new definition.
        replaced: the old one.
        due_ms: its next slot; None: it had none.
        now_ms: the time, from which another timing starts.
    """
    timing, end_ms = schedule.timing, schedule.timing.end_ms
    same = msgspec.structs.replace(replaced.timing, end_ms=end_ms) == timing
    if due_ms is not None and same and (end_ms is None or due_ms <= end_ms):
        return due_ms
    return timing.next_after(now_ms)


def job_at(schedule: Schedule, slot_ms: int) -> NewJob:
    """The job of a slot: its id follows from schedule and slot, so that there is only one.

    The id's time is the slot.
    """
    slot = datetime.fromtimestamp(slot_ms / 1000, UTC)
    origin = {"schedule": schedule.name, "slot": slot.isoformat().replace("+00:00", "Z")}
    options = msgspec.structs.replace(
        schedule.options, metadata={**schedule.options.metadata, **origin}
    )
    delay = _delay_ms(schedule, slot_ms)
    return NewJob(
        id=f"{schedule.queue}-{derived_ulid(slot_ms, schedule.name)}",
        type=schedule.type,
        payload=schedule.payload,
        priority=schedule.priority,
        run_at_ms=slot_ms + delay if delay else 0,
        options=options,
    )


def _delay_ms(schedule: Schedule, slot_ms: int) -> int:
    seed = hashlib.sha256(f"jitter {schedule.name} {slot_ms}".encode()).digest()
    return int.from_bytes(seed[:6]) * round(schedule.jitter * 1000) >> 48
