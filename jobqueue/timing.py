"""When a schedule is due: cron expressions in a time zone, or every so many seconds. Pure.

Slots are Unix times in milliseconds, and follow from the timing alone: whoever computes them,
and whenever, gets the same ones.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import msgspec
from cronsim import CronSim, CronSimError

from jobqueue.errors import FieldError

MIN_EVERY = 1.0
"""Shortest period in seconds: the reaper looks once a second."""

MAX_EVERY = 10 * 365 * 86400.0
"""Longest period in seconds: a longer one is a mistake in units."""

MAX_CRON = 256
"""Characters of a cron expression: a list of every minute of an hour fits."""

END_OF_TIME_MS = 221_845_392_000_000
"""The year 9000: what lies before it is a date in every time zone, whatever is added to it."""

TOO_FAR = "must be before the year 9000"

FIELDS = 5
"""Fields of a cron expression without seconds."""

MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
"""The names that crontab(5) has for common expressions."""


class Timing(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The slots of a schedule: of `cron` or of `every`, from `start_ms` to `end_ms`.

    Attributes:
        cron: five fields (minute hour day month weekday), six with seconds in front, or a macro.
        timezone: name in the IANA database, e.g. `Europe/Berlin`; the wall clock of `cron`.
        every: period in seconds, counted from `start_ms`, else from 1970: slots do not drift.
        start_ms: no slot before; `every` has one there.
        end_ms: no slot after.
    """

    cron: str | None = None
    timezone: str = "UTC"
    every: float | None = None
    start_ms: int | None = None
    end_ms: int | None = None

    def next_after(self, after_ms: int) -> int | None:
        """The first slot later than `after_ms`; None: there is none."""
        after = max(after_ms, (self.start_ms or 0) - 1)
        slot = self._next_of_cron(after) if self.cron else self._next_of_period(after)
        if slot is None or (self.end_ms is not None and slot > self.end_ms):
            return None
        return slot

    def latest(self, after_ms: int, until_ms: int) -> int | None:
        """The last slot later than `after_ms` and not later than `until_ms`; None: there is none.

        Takes a few dozen looks, however many slots lie between.
        """
        low, high = after_ms, until_ms
        if not self._has_slot(low, until_ms):
            return None
        while high - low > 1:  # a slot is in (low, until], and none in (high, until]
            middle = (low + high) // 2
            if self._has_slot(middle, until_ms):
                low = middle
            else:
                high = middle
        return high

    def _has_slot(self, after_ms: int, until_ms: int) -> bool:
        slot = self.next_after(after_ms)
        return slot is not None and slot <= until_ms

    def _next_of_period(self, after_ms: int) -> int:
        anchor, period = self.start_ms or 0, round((self.every or MIN_EVERY) * 1000)
        return anchor + max((after_ms - anchor) // period + 1, 0) * period

    def _next_of_cron(self, after_ms: int) -> int | None:
        expression, seconds = _without_fixed_seconds(self.cron or "")
        after = datetime.fromtimestamp(after_ms // 1000 - seconds, UTC)
        # a clock that was put back shows times again, and what cronsim gives first may be past
        for moment in CronSim(expression, after.astimezone(_zone(self.timezone))):
            slot = round(moment.timestamp() + seconds) * 1000
            if slot > after_ms:
                return slot
        return None


def check_timing(timing: Timing) -> Iterator[FieldError]:
    """Everything that is wrong with a timing; each path names the field of a request."""
    if (timing.cron is None) == (timing.every is None):
        yield FieldError("/cron", "give either cron or every")
    elif timing.cron is not None:
        yield from _wrong_cron(timing)
    else:
        yield from _wrong_period(timing)
    start, end = timing.start_ms or 0, timing.end_ms
    if start < 0:
        yield FieldError("/start", "must not be before 1970")
    elif end is not None and end < start:
        yield FieldError("/end", "must not be before start")
    for name, moment_ms in (("start", start), ("end", end or 0)):
        if moment_ms >= END_OF_TIME_MS:
            yield FieldError(f"/{name}", TOO_FAR)


def milliseconds(moment: datetime) -> int:
    """A moment with a time zone as Unix time in milliseconds."""
    return round(moment.timestamp() * 1000)


def _wrong_period(timing: Timing) -> Iterator[FieldError]:
    if not MIN_EVERY <= (timing.every or 0) <= MAX_EVERY:
        yield FieldError("/every", f"must be {MIN_EVERY:.0f} to {MAX_EVERY:.0f} seconds")
    if timing.timezone != "UTC":
        yield FieldError("/timezone", "goes with cron only: a period has no wall clock")


def _wrong_cron(timing: Timing) -> Iterator[FieldError]:
    try:
        _zone(timing.timezone)
    except (OSError, ValueError, LookupError):
        name = timing.timezone
        yield FieldError(
            "/timezone", f"unknown time zone {name!r}: use an IANA name, e.g. Europe/Berlin"
        )
    cron = timing.cron or ""
    try:
        # cronsim gives up after 50 years, in which every date falls on every day of the week
        never = next(CronSim(_expanded(cron), datetime(2000, 1, 1, tzinfo=UTC)), None) is None
    except (CronSimError, ValueError) as error:
        yield FieldError(
            "/cron",
            f"{error}: use five fields (minute hour day month weekday), six with seconds in "
            f"front, or one of {', '.join(MACROS)}",
        )
        return
    if never or len(cron) > MAX_CRON:
        yield FieldError("/cron", "no time matches" if never else f"has over {MAX_CRON} characters")


def _zone(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)


def _expanded(cron: str) -> str:
    return MACROS.get(cron.strip().lower(), cron)


def _without_fixed_seconds(cron: str) -> tuple[str, int]:
    """An expression without its field of seconds, where that is a number, and the number.

    cronsim keeps to Debian's rules for clocks that change with five fields only.
    """
    first, *others = _expanded(cron).split()
    if len(others) == FIELDS and first.isdecimal():
        return " ".join(others), int(first)
    return " ".join((first, *others)), 0
