"""At most so many starts in any so many seconds: a sliding window, pure."""

from collections import deque

from jobqueue.limits import Rate


def parse_rate(text: str) -> Rate:
    """The rate that a checked setting writes as `100/60`: count, then seconds."""
    count, _, period = text.partition("/")
    return Rate(int(count), float(period))


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
        return self._starts[0] + self._rate.period if self._starts else None

    def room(self, now: float) -> int:
        """Starts that are allowed at `now`."""
        while (opens_at := self.opens_at) is not None and opens_at <= now:
            self._starts.popleft()
        return self._rate.count - len(self._starts)

    def add(self, now: float) -> None:
        """A start at `now`."""
        self._starts.append(now)
