"""The log of one job: what its handlers said, for people."""

import msgspec

MAX_LOG_LINES = 500
"""Lines of a job's log that are kept, the newest: enough to see what it did last."""

MAX_LOG_LINE = 1000
"""Characters of a line of a job's log that are kept: a log is for people."""


class LogLine(msgspec.Struct, frozen=True):
    """One line of a job's log."""

    at_ms: int
    text: str


class NewLines(msgspec.Struct, frozen=True):
    """What a delivery adds to its job's log.

    Attributes:
        first: number of the first line in its delivery, from 1.
        lines: age in milliseconds and text of each; no text has a line break.
    """

    first: int
    lines: tuple[tuple[int, str], ...]
