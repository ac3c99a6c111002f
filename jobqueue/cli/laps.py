"""What was done, and how long it took."""

import time
from contextlib import AbstractContextManager

import click

from jobqueue.cli import show


class Laps:
    """A stopwatch that prints a line for each step."""

    def __init__(self) -> None:
        self._began = self._last = time.monotonic()

    def doing(self, what: str) -> AbstractContextManager[object]:
        """Shows on a terminal what goes on."""
        return show.notes().status(what)

    def done(self, what: str) -> None:
        """One step has ended."""
        begin, self._last = self._last, time.monotonic()
        _print(self._last - begin, what)

    def all_done(self) -> None:
        """The last one has."""
        _print(self._last - self._began, "in all")


def _print(seconds: float, what: str) -> None:
    click.echo(f"{show.duration(seconds):>8}  {what}")
