"""Lines that handlers logged and Redis does not have yet."""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from time import monotonic
from typing import NamedTuple

from jobqueue.broker.consumer import Lease
from jobqueue.job_log import MAX_LOG_LINES, NewLines


class UnsentLine(NamedTuple):
    """A line of a delivery: its number in it, from 1, and when it was logged."""

    number: int
    at: float
    text: str


UnsentLines = Mapping[Lease, deque[UnsentLine]]


class LogBuffer:
    """The newest lines of each delivery; handlers may add some from threads of theirs.

    Lines are numbered, so that Redis knows those that are sent twice.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._unsent: dict[Lease, deque[UnsentLine]] = {}
        self._numbers: dict[Lease, int] = {}

    def __bool__(self) -> bool:
        return bool(self._unsent)

    def add(self, lease: Lease, text: str) -> None:
        """Put a line at the end of a delivery's."""
        with self._lock:
            number = self._numbers[lease] = self._numbers.get(lease, 0) + 1
            lines = self._unsent.setdefault(lease, deque(maxlen=MAX_LOG_LINES))
            lines.append(UnsentLine(number, monotonic(), text))

    def take(self) -> UnsentLines:
        """All there is; `put_back` what could not be sent."""
        with self._lock:
            taken, self._unsent = self._unsent, {}
        return taken

    def put_back(self, lines: UnsentLines) -> None:
        """Send these again, before newer ones."""
        with self._lock:
            for lease, older in lines.items():
                newer = self._unsent.get(lease, ())
                self._unsent[lease] = deque((*older, *newer), maxlen=MAX_LOG_LINES)

    def forget(self, is_over: Callable[[Lease], bool]) -> None:
        """Drop what is known of deliveries that are over and have nothing left to send."""
        with self._lock:
            over = [lease for lease in self._numbers if lease not in self._unsent]
            for lease in filter(is_over, over):
                del self._numbers[lease]


def as_sent(lines: deque[UnsentLine]) -> NewLines:
    """Lines of one delivery as the broker takes them now."""
    now = monotonic()
    return NewLines(
        first=lines[0].number,
        lines=tuple((round((now - line.at) * 1000), line.text) for line in lines),
    )
