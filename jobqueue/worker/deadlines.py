"""One timer for the deadlines of all attempts of a process.

A timer handle per job costs more than a no-op job. Here a deadline is one entry in
a heap; that of an attempt which ended is left behind and swept out in bulk.
"""

import asyncio
import heapq
from time import monotonic
from typing import Protocol

SWEEP_AT = 64
"""Entries below which ended attempts are not swept; they hold on to their payloads till then."""


class Timed(Protocol):
    """Something with a deadline."""

    ended: bool

    def due(self, now: float) -> None:
        """A deadline that was set for this has passed."""


class Deadlines:
    """Deadlines in `time.monotonic()`, the earliest of them on one timer."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._heap: list[tuple[float, int, Timed]] = []
        self._count = 0
        self._sweep_at = SWEEP_AT
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("inf")

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, when: float, timed: Timed) -> None:
        """Call `timed.due` at `when`, unless it ended before; several are allowed."""
        self._count += 1
        heapq.heappush(self._heap, (when, self._count, timed))
        if when < self._timer_at:
            self._set_timer(when)
        if len(self._heap) > self._sweep_at:
            self._sweep()

    def close(self) -> None:
        """Forget everything."""
        self._heap.clear()
        if self._timer:
            self._timer.cancel()

    def _set_timer(self, when: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer_at = when
        self._timer = self._loop.call_later(max(when - monotonic(), 0), self._ring)

    def _ring(self) -> None:
        self._timer, self._timer_at = None, float("inf")
        now = monotonic()
        while self._heap and (self._heap[0][2].ended or self._heap[0][0] <= now):
            _, _, timed = heapq.heappop(self._heap)
            if not timed.ended:
                timed.due(now)
        if self._heap and self._heap[0][0] < self._timer_at:
            self._set_timer(self._heap[0][0])

    def _sweep(self) -> None:
        """Drop ended attempts; the next sweep waits until as many have come again."""
        self._heap = [entry for entry in self._heap if not entry[2].ended]
        heapq.heapify(self._heap)
        self._sweep_at = max(2 * len(self._heap), SWEEP_AT)
