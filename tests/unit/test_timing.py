"""When schedules are due: cron and periods, and what changes of the clock do to them."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from cronsim import CronSimError
from hypothesis import example, given
from hypothesis import strategies as st

from jobqueue.timing import END_OF_TIME_MS, MACROS, Timing, check_timing

from .timings import DAY, PERIODS, TIMES, TIMINGS, ZONES, ms, slots


def shown(cron: str, zone: str, day: str, count: int) -> list[str]:
    """The first slots of a day, in UTC."""
    timing = Timing(cron=cron, timezone=zone)
    found = slots(timing, ms(day, zone) - 1, count)
    return [datetime.fromtimestamp(slot / 1000, UTC).strftime("%d %H:%M") for slot in found]


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


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/St_Johns"])
def test_the_last_start_has_a_slot(zone: str) -> None:
    """The latest start that is taken is a date on every wall clock."""
    timing = Timing(cron="0 0 29 2 MON", timezone=zone, start_ms=END_OF_TIME_MS - 1)
    assert not list(check_timing(timing))
    assert timing.next_after(0)


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
        (Timing(every=60, end_ms=END_OF_TIME_MS), "/end", "year 9000"),
        (Timing(every=60, start_ms=END_OF_TIME_MS), "/start", "year 9000"),
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
