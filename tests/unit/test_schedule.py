"""When schedules fire: slots, changes of the clock, missed slots, the job of a slot."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import pytest
from cronsim import CronSimError
from hypothesis import example, given
from hypothesis import strategies as st

from jobqueue.ids import created_at_ms, split_job_id
from jobqueue.model import JobOptions
from jobqueue.schedule import (
    CATCH_UP,
    GRACE_MS,
    Missed,
    Schedule,
    job_at,
    next_slot_of_replacement,
    plan,
)
from jobqueue.timing import MACROS, Timing, check_timing

MINUTE = 60_000
DAY = 86_400_000
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]
TIMES = st.integers(1_700_000_000_000, 1_900_000_000_000)
"""Unix times in milliseconds, 2023 to 2030."""

MINUTES = st.integers(0, 59).map(str)
HOURS = st.one_of(
    st.integers(0, 23).map(str),
    st.sets(st.integers(0, 23), min_size=2, max_size=4).map(
        lambda hours: ",".join(map(str, hours))
    ),
    st.sampled_from(["1-4", "0-23/2"]),
)
FIXED = st.builds("{} {} * * {}".format, MINUTES, HOURS, st.sampled_from(["*", "1-5", "SUN"]))
"""Expressions with times of the day."""

FREQUENT = st.sampled_from(["* * * * *", "*/7 * * * *", "30 * * * *", "*/20 * * * * *"])
"""Expressions that go by elapsed time."""

PERIODS = st.builds(
    Timing,
    every=st.floats(1, 1e7, allow_nan=False),
    start_ms=st.none() | st.integers(0, 2 * 10**12),
)
CRONS = st.builds(Timing, cron=FIXED | FREQUENT, timezone=st.sampled_from(ZONES))
TIMINGS = PERIODS | CRONS


def ms(text: str, zone: str = "UTC") -> int:
    """The Unix time in milliseconds of a wall clock."""
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def slots(timing: Timing, after_ms: int, count: int) -> list[int]:
    """The next slots, as long as there are any."""
    found: list[int] = []
    while len(found) < count:
        slot = timing.next_after(found[-1] if found else after_ms)
        if slot is None:
            break
        found.append(slot)
    return found


def shown(cron: str, zone: str, day: str, count: int) -> list[str]:
    """The first slots of a day, in UTC."""
    timing = Timing(cron=cron, timezone=zone)
    found = slots(timing, ms(day, zone) - 1, count)
    return [datetime.fromtimestamp(slot / 1000, UTC).strftime("%d %H:%M") for slot in found]


def schedule(**fields: object) -> Schedule:
    """A schedule of every ten minutes, but for `fields`."""
    values = {"timing": Timing(every=600), "name": "s", "queue": "q", "type": "noop"}
    return Schedule(**{**values, **fields})  # type: ignore[arg-type]


@given(TIMINGS, TIMES, st.integers(0, 10**7))
def test_slots_do_not_depend_on_when_they_are_computed(
    timing: Timing, after: int, spread: int
) -> None:
    """Every reaper finds the same slots, whenever it looks: later than asked, and in order."""
    first, second = slots(timing, after, 2)
    assert after < first < second
    between = first + spread % (second - first)
    assert timing.next_after(between) == second


@given(PERIODS, TIMES)
def test_a_period_does_not_drift(timing: Timing, after: int) -> None:
    """The slots of `every` are whole periods from its start, however late the last one fired."""
    assert timing.every is not None
    for slot in slots(timing, after, 3):
        assert (slot - (timing.start_ms or 0)) % round(timing.every * 1000) == 0


@given(TIMINGS, TIMES, st.integers(0, 10 * DAY), st.integers(-DAY, DAY))
def test_nothing_fires_before_the_start_or_after_the_end(
    timing: Timing, start: int, length: int, offset: int
) -> None:
    """Start and end are kept to the millisecond; both may be slots themselves."""
    bounded = msgspec.structs.replace(timing, start_ms=start, end_ms=start + length)
    for slot in slots(bounded, start + offset, 5):
        assert start <= slot <= start + length
    if timing.every:
        assert bounded.next_after(start - 1) == start
        assert msgspec.structs.replace(bounded, end_ms=start).next_after(start) is None


@given(TIMINGS, TIMES, st.integers(1, 3 * DAY))
@example(Timing(every=1.0), 1_700_000_000_000, 3 * DAY)
def test_the_latest_slot_is_found(timing: Timing, after: int, length: int) -> None:
    """The latest of many slots is the one with no other between it and the given time."""
    latest = timing.latest(after, after + length)
    following = timing.next_after(after)
    assert following is not None
    if following > after + length:
        assert latest is None
    else:
        assert latest is not None
        assert after < latest <= after + length
        assert timing.next_after(latest - 1) == latest
        next_slot = timing.next_after(latest)
        assert next_slot is not None
        assert next_slot > after + length


@given(
    st.integers(0, 23),
    st.integers(0, 59),
    st.sampled_from(ZONES),
    st.dates(date(2023, 1, 1), date(2030, 1, 1)),
)
def test_a_time_of_the_day_fires_once_a_day(hour: int, minute: int, zone: str, day: date) -> None:
    """Whatever the clocks do, a daily schedule fires once on each day of its time zone."""
    timing = Timing(cron=f"{minute} {hour} * * *", timezone=zone)
    found = slots(timing, ms(f"{day}T00:00", zone) - 1, 8)
    days = [datetime.fromtimestamp(slot / 1000, ZoneInfo(zone)).date() for slot in found]
    assert days == [day + timedelta(days=count) for count in range(8)]


@pytest.mark.parametrize(
    ("cron", "zone", "day", "expected"),
    [
        # 02:00 becomes 03:00: 02:30 is not there
        ("30 2 * * *", "Europe/Berlin", "2026-03-29", ["29 01:00", "30 00:30"]),
        ("30 2 * * *", "America/New_York", "2026-03-08", ["08 07:00", "09 06:30"]),
        # 02:00 becomes 02:30
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-04", ["03 15:30", "04 15:15"]),
        # two times that fall on the shift are one
        ("0 2,3 * * *", "Europe/Berlin", "2026-03-29", ["29 01:00", "30 00:00"]),
        # the same with seconds, which cronsim alone would leave out
        ("0 30 2 * * *", "Europe/Berlin", "2026-03-29", ["29 01:00", "30 00:30"]),
    ],
)
def test_a_time_that_does_not_exist_fires_at_the_shift(
    cron: str, zone: str, day: str, expected: list[str]
) -> None:
    """In spring a time of the day that is left out fires once, when the clock goes on."""
    assert shown(cron, zone, day, len(expected)) == expected


@pytest.mark.parametrize(
    ("cron", "zone", "day", "expected"),
    [
        # 03:00 becomes 02:00: 02:30 comes twice
        ("30 2 * * *", "Europe/Berlin", "2026-10-25", ["25 00:30", "26 01:30"]),
        ("30 1 * * *", "America/New_York", "2026-11-01", ["01 05:30", "02 06:30"]),
        # 02:00 becomes 01:30
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-05", ["04 14:45", "05 15:15"]),
        ("0 30 2 * * *", "Europe/Berlin", "2026-10-25", ["25 00:30", "26 01:30"]),
    ],
)
def test_a_time_that_comes_twice_fires_once(
    cron: str, zone: str, day: str, expected: list[str]
) -> None:
    """In autumn a time of the day that is shown twice fires the first time only."""
    assert shown(cron, zone, day, len(expected)) == expected


@pytest.mark.parametrize(
    ("cron", "day", "expected"),
    [
        ("0 * * * *", "2026-03-29T01:00", ["29 00:00", "29 01:00", "29 02:00"]),
        ("0 * * * *", "2026-10-25T01:00", ["24 23:00", "25 00:00", "25 01:00", "25 02:00"]),
        # minutes of an hour that is left out, or comes twice
        ("*/30 2 * * *", "2026-03-29", ["30 00:00", "30 00:30"]),
        ("*/30 2 * * *", "2026-10-25", ["25 00:00", "25 00:30", "25 01:00", "25 01:30"]),
    ],
)
def test_every_hour_or_minute_goes_by_elapsed_time(
    cron: str, day: str, expected: list[str]
) -> None:
    """An expression whose minute or hour starts with `*` fires as often as that time is there."""
    assert shown(cron, "Europe/Berlin", day, len(expected)) == expected


def test_asked_in_the_repeated_hour_the_answer_lies_ahead() -> None:
    """Looked at while 02:00 is shown for the second time, the slot of the first is past."""
    timing = Timing(cron="30 2 * * *", timezone="Europe/Berlin")
    assert timing.next_after(ms("2026-10-25T01:10")) == ms("2026-10-26T01:30")


@pytest.mark.parametrize(("macro", "meaning"), MACROS.items())
def test_macros_are_what_cron_says(macro: str, meaning: str) -> None:
    """`@daily` and its like are taken as crontab(5) has them."""
    after = ms("2026-05-17T11:11")
    assert slots(Timing(cron=macro), after, 3) == slots(Timing(cron=meaning), after, 3)


@pytest.mark.parametrize(
    ("timing", "path", "words"),
    [
        (Timing(), "/cron", "either cron or every"),
        (Timing(cron="* * * * *", every=5), "/cron", "either cron or every"),
        (Timing(cron="61 * * * *"), "/cron", "Bad minute"),
        (Timing(cron="* * *"), "/cron", "Wrong number of fields"),
        (Timing(cron=""), "/cron", "Wrong number of fields"),
        (Timing(cron="0 0 30 2 *"), "/cron", "day-of-month"),
        (Timing(cron="0 0 * 2 MON#5,"), "/cron", "Bad day-of-week"),
        (Timing(cron=",".join(["0"] * 300) + " * * * *"), "/cron", "over 256"),
        (Timing(cron="@daily", timezone="Mars/Olympus"), "/timezone", "unknown time zone"),
        (Timing(cron="@daily", timezone="../etc/passwd"), "/timezone", "unknown time zone"),
        (Timing(cron="@daily", timezone="Europe"), "/timezone", "unknown time zone"),
        (Timing(cron="@daily", timezone=""), "/timezone", "unknown time zone"),
        (Timing(every=60, timezone="Europe/Berlin"), "/timezone", "goes with cron only"),
        (Timing(every=0.5), "/every", "1 to"),
        (Timing(every=float("nan")), "/every", "1 to"),
        (Timing(every=1e12), "/every", "1 to"),
        (Timing(every=60, start_ms=-1), "/start", "1970"),
        (Timing(every=60, start_ms=5, end_ms=4), "/end", "before start"),
    ],
)
def test_what_is_wrong_is_named(timing: Timing, path: str, words: str) -> None:
    """A wrong timing is refused with the field and what to do."""
    (error,) = check_timing(timing)
    assert error.path == path
    assert words in error.message


@given(st.text("0123456789*/,-#LWMON @", max_size=20) | st.text(max_size=10))
def test_any_text_is_checked_or_works(cron: str) -> None:
    """Whatever is given for an expression is refused with a reason, or has slots."""
    timing = Timing(cron=cron)
    if not list(check_timing(timing)):
        try:
            assert timing.next_after(0) is not None
        except CronSimError:
            pytest.fail(f"{cron!r} was accepted and cannot be read")


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
