"""At most so many starts in any so many seconds: a sliding window, pure."""

from collections import deque
from typing import NamedTuple, Self


class Rate(NamedTuple):
    """At most so many starts in any so many seconds."""

    starts: int
    seconds: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """The rate that a checked setting writes as `100/60`."""
        starts, _, seconds = text.partition("/")
        return cls(int(starts), float(seconds))


class SlidingWindow:
    """Remembers the latest starts, at most as many as are allowed.

    Times are of any one clock that does not go back, in seconds.
    """

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._starts: deque[float] = deque()

    @property
    def opens_at(self) -> float | None:
        """When the oldest start no longer counts; None: none does."""
        return self._starts[0] + self._rate.seconds if self._starts else None

    def room(self, now: float) -> int:
        """Starts that are allowed at `now`."""
        while (opens_at := self.opens_at) is not None and opens_at <= now:
            self._starts.popleft()
        return self._rate.starts - len(self._starts)

    def add(self, now: float) -> None:
        """A start at `now`."""
        self._starts.append(now)
