"""What schedules do at their slots: missed ones, steps of the clock, the job of a slot."""

from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.ids import created_at_ms, split_job_id
from jobqueue.schedule import (
    CATCH_UP,
    GRACE_MS,
    Missed,
    Schedule,
    job_at,
    next_slot_of_replacement,
    plan,
)
from jobqueue.submission import JobOptions
from jobqueue.timing import Timing

from .timings import DAY, TIMES, TIMINGS, ms, slots


def schedule(**fields: object) -> Schedule:
    """A schedule of every ten minutes, but for `fields`."""
    values = {"timing": Timing(every=600), "name": "s", "queue": "q", "type": "noop"}
    return Schedule(**{**values, **fields})  # type: ignore[arg-type]


@given(TIMINGS, TIMES, st.integers(0, 100 * DAY), st.sampled_from(Missed))
def test_a_plan_is_a_chain_from_the_due_slot_on(
    timing: Timing, after: int, late: int, missed: Missed
) -> None:
    """Steps follow each other without a gap, end where nothing is due, and fire slots only."""
    due = timing.next_after(after)
    assert due is not None
    now = due + late
    steps = plan(schedule(timing=timing, missed=missed), due, now)
    assert steps[0].slot_ms == due
    for step, following in pairwise(steps):
        assert step.next_ms == following.slot_ms
        assert step.slot_ms < following.slot_ms
    fired = [step.slot_ms for step in steps if step.fires]
    assert all(slot <= now and timing.next_after(slot - 1) == slot for slot in fired)
    last = steps[-1].next_ms
    assert last is not None
    assert last > now or len(fired) == CATCH_UP


@given(TIMINGS, TIMES, st.integers(0, 100 * DAY))
def test_missed_none_fires_no_slot_that_was_missed(timing: Timing, after: int, late: int) -> None:
    """With `none` a slot fires within a minute or never."""
    due = timing.next_after(after)
    assert due is not None
    now = due + late
    steps = plan(schedule(timing=timing, missed=Missed.NONE), due, now)
    assert all(now - step.slot_ms <= GRACE_MS for step in steps if step.fires)
    assert steps[0].fires == (late <= GRACE_MS)


@given(TIMINGS, TIMES, st.integers(0, 100 * DAY))
def test_missed_one_catches_up_with_one_job(timing: Timing, after: int, late: int) -> None:
    """With `one` an outage is followed by one job for all it hid, or by none if one is due."""
    due = timing.next_after(after)
    assert due is not None
    now = due + late
    fired = [
        s.slot_ms for s in plan(schedule(timing=timing, missed=Missed.ONE), due, now) if s.fires
    ]
    missed = [slot for slot in fired if now - slot > GRACE_MS]
    assert fired
    assert len(missed) <= 1
    if missed:
        assert missed == fired == [timing.latest(due - 1, now)]


@given(TIMINGS, TIMES, st.integers(0, 100 * DAY))
def test_missed_all_fires_each(timing: Timing, after: int, late: int) -> None:
    """With `all` every slot fires, in order, some at a time."""
    due = timing.next_after(after)
    assert due is not None
    steps = plan(schedule(timing=timing, missed=Missed.ALL), due, due + late)
    expected = [slot for slot in slots(timing, due - 1, CATCH_UP) if slot <= due + late]
    assert [step.slot_ms for step in steps if step.fires] == expected
    assert all(step.fires for step in steps)


@given(st.lists(st.integers(-3 * DAY, 3 * DAY), min_size=1, max_size=30), st.sampled_from(Missed))
def test_no_slot_fires_twice_however_the_clock_steps(
    steps_of_the_clock: list[int], missed: Missed
) -> None:
    """Passes at any times, forwards and backwards, fire each slot once at most, in order."""
    hourly = schedule(timing=Timing(every=3600), missed=missed)
    now, fired = 1_800_000_000_000, []
    due = hourly.timing.next_after(now)
    for step_of_the_clock in steps_of_the_clock:
        now += step_of_the_clock
        assert due is not None
        for step in plan(hourly, due, now):
            fired += [step.slot_ms] * step.fires
            due = step.next_ms
    assert fired == sorted(set(fired))


def test_nothing_is_due_before_its_time() -> None:
    """A clock that went back finds nothing to do until it is where it was."""
    assert plan(schedule(), 600_000, 599_999) == []


def test_the_last_slot_ends_a_plan() -> None:
    """The step of the last slot says that none follows."""
    ending = schedule(timing=Timing(every=600, end_ms=600_000))
    (step,) = plan(ending, 600_000, 600_000)
    assert (step.fires, step.next_ms) == (True, None)
    late = msgspec.structs.replace(ending, missed=Missed.NONE)
    (step,) = plan(late, 600_000, 10 * DAY)
    assert (step.fires, step.next_ms) == (False, None)
    once = msgspec.structs.replace(ending, missed=Missed.ONE)
    (step,) = plan(once, 600_000, 10 * DAY)
    assert (step.fires, step.next_ms) == (True, None)


@given(TIMES, st.floats(0, 3600), st.text("abc-", min_size=1, max_size=5))
def test_jitter_is_the_same_for_everybody(slot: int, jitter: float, name: str) -> None:
    """Whoever computes the job of a slot gets the same id and start, within the jitter."""
    spread = schedule(name=name, jitter=jitter)
    job = job_at(spread, slot)
    assert job_at(spread, slot) == job
    assert 0 <= (job.run_at_ms or slot) - slot <= jitter * 1000


def test_jitter_spreads() -> None:
    """Schedules of one slot, and slots of one schedule, start at different times."""
    starts = {job_at(schedule(name=f"s{n}", jitter=600), DAY).run_at_ms for n in range(50)}
    starts |= {job_at(schedule(jitter=600), DAY * n).run_at_ms % DAY for n in range(50)}
    assert len(starts) > 90


@given(TIMES, TIMES)
def test_the_job_of_a_slot_has_an_id_of_its_own(one: int, other: int) -> None:
    """Same schedule and slot, same id; any other slot or schedule, another."""
    job = job_at(schedule(), one)
    names = split_job_id(job.id)
    assert names is not None
    assert (names[0], created_at_ms(names[1])) == ("q", one)
    assert (job_at(schedule(), other).id == job.id) == (one == other)
    assert job_at(schedule(name="t"), one).id != job.id


def test_a_job_says_where_it_came_from() -> None:
    """The metadata of a job name its schedule and slot, beside the schedule's own."""
    made = schedule(options=JobOptions(tags=("a",), metadata={"team": "x"}))
    options = job_at(made, ms("2026-03-29T01:00") + 5).options
    origin = {"team": "x", "schedule": "s", "slot": "2026-03-29T01:00:00.005000Z"}
    assert (options.tags, options.metadata) == (("a",), origin)


def test_a_change_of_the_job_keeps_the_next_slot() -> None:
    """Deploying another payload at the moment of a slot does not lose that slot."""
    old = schedule()
    new = schedule(payload=b"2", limit=3)
    assert next_slot_of_replacement(new, old, 600_000, 600_500) == 600_000
    ending = schedule(timing=Timing(every=600, end_ms=700_000))
    assert next_slot_of_replacement(ending, old, 600_000, 600_500) == 600_000


def test_a_change_of_the_timing_starts_from_now() -> None:
    """Another timing has no missed slots: it begins with its next one."""
    old = schedule()
    faster = schedule(timing=Timing(every=10))
    assert next_slot_of_replacement(faster, old, 600_000, 10_000_001) == 10_010_000
    ended = schedule(timing=Timing(every=600, end_ms=590_000))
    assert next_slot_of_replacement(ended, old, 600_000, 595_000) is None
    assert next_slot_of_replacement(old, old, None, 601_000) == 1_200_000
