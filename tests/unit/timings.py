"""Timings that tests draw, and how they look at them."""

from datetime import datetime
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from jobqueue.timing import Timing

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
