"""What keeps a pool from starting jobs although it has free slots.

A rate of its own, a handler that met the limit of a service, or an operator. While any of them
does, the pool neither claims nor waits in Redis, so that jobs go to other workers.
"""

import asyncio
import sys
from collections.abc import Callable
from time import monotonic

from jobqueue.limits import Rate
from jobqueue.worker.rate import SlidingWindow

UNLIMITED = sys.maxsize


class Throttle:
    """How many jobs of one pool may start now.

    Args:
        rate: of starts in this process; None: any.

    Attributes:
        quiet: an operator wants this worker to start nothing.
    """

    def __init__(self, rate: Rate | None) -> None:
        self.quiet = False
        self._window = SlidingWindow(rate) if rate else None
        self._reserved = 0
        self._held_until = 0.0
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._on_open: Callable[[], None] = _ignore
        self._on_shut: Callable[[], None] = _ignore

    def when_changed(self, *, opened: Callable[[], None], shut: Callable[[], None]) -> None:
        """Call `opened` when jobs may start again, `shut` when from now on none may.

        Reaching the rate is no news: what was claimed is exactly what may start.
        """
        self._on_open, self._on_shut = opened, shut

    def room(self) -> int:
        """Jobs that a claim may bring now."""
        if self.quiet or (self._held_until and monotonic() < self._held_until):
            return 0
        if self._window is None:
            return UNLIMITED
        return max(self._window.room(monotonic()) - self._reserved, 0)

    def reserve(self) -> None:
        """A job was claimed: it counts from now on, and takes its place when it starts."""
        if self._window is not None:
            self._reserved += 1
            self._watch()

    def started(self) -> None:
        """A claimed job starts."""
        if self._window is not None:
            self._reserved -= 1
            self._window.add(monotonic())
            self._watch()

    def released(self) -> None:
        """A claimed job does not start here."""
        if self._window is not None:
            self._reserved -= 1

    def hold(self, seconds: float) -> None:
        """Nothing starts for so long."""
        self._held_until = max(self._held_until, monotonic() + seconds)
        self._watch()
        self._on_shut()

    def set_quiet(self, quiet: bool) -> None:
        """Nothing starts until this is taken back."""
        if quiet != self.quiet:
            self.quiet = quiet
            self._watch()
            (self._on_shut if quiet else self._on_open)()

    def close(self) -> None:
        """Watch the clock no longer."""
        if self._timer:
            self._timer.cancel()

    def _watch(self) -> None:
        """Set the timer, unless it is set, for when the clock opens what it keeps shut."""
        now = monotonic()
        if self._timer is None and (opens_at := self._opens_at(now)) is not None:
            self._timer = self._loop.call_later(max(opens_at - now, 0), self._ring)

    def _opens_at(self, now: float) -> float | None:
        """None when it is not the clock that keeps it shut."""
        if now < self._held_until:
            return self._held_until
        if self._window is not None and self._window.room(now) <= self._reserved:
            return self._window.opens_at
        return None

    def _ring(self) -> None:
        self._timer = None
        self._watch()
        if self.room():
            self._on_open()


def _ignore() -> None:
    """Nobody listens yet."""
