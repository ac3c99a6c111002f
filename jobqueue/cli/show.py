"""How values look on a terminal, and plainly elsewhere: tables, states, times, sizes, JSON."""

import io
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import click
import msgspec
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from jobqueue.cli.failures import one_line

UNLIMITED = 10_000
"""Columns where no terminal is: what another program reads must not be cut."""

STATE_STYLES = {
    "scheduled": "blue",
    "blocked": "blue",
    "queued": "cyan",
    "active": "yellow",
    "completed": "green",
    "dead": "bold red",
    "cancelled": "magenta",
}

Cell = str | Text


def put(renderable: RenderableType) -> None:
    """Print to standard output: coloured and as wide as the terminal, or plain and uncut."""
    if sys.stdout.isatty():
        console = Console(highlight=False, emoji=False)
        console.print(renderable, no_wrap=True, overflow="ellipsis")
        return
    plain = Console(file=io.StringIO(), width=UNLIMITED, highlight=False, emoji=False)
    with plain.capture() as capture:
        plain.print(renderable)
    for line in capture.get().splitlines():
        click.echo(line.rstrip())


def notes() -> Console:
    """Standard error, for what accompanies a result."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """Print JSON as programs and people can read it."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def table(*columns: str, right: Sequence[str] = (), wrap: str | None = None) -> Table:
    """An empty table without lines; `right` are aligned there, `wrap` gives way to the others."""
    empty = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        empty.add_column(
            column.upper(),
            justify="right" if column in right else "left",
            overflow="fold" if column == wrap else "ellipsis",
            no_wrap=column != wrap,
        )
    return empty


def fields(rows: Iterable[tuple[str, Cell | None]]) -> Table:
    """Names and values below each other; those that are None are left out."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        if value is not None:
            grid.add_row(name, value)
    return grid


def state(name: str) -> Text:
    """A job's state in its colour."""
    return Text(name, style=STATE_STYLES.get(name, ""))


def text(value: Any) -> str:
    """What a job or a user wrote, on one line and without control characters."""
    return one_line(str(value)) if value is not None else ""


def duration(seconds: float) -> str:
    """A time span to two figures, e.g. `0.42 s`, `3.1 s`, `12 min`, `3 h`, `5 d`."""
    if seconds < 1:
        return f"{max(seconds, 0):.2f} s"
    if seconds < 10:  # noqa: PLR2004 - below it the first decimal still says something
        return f"{seconds:.1f} s"
    for unit, size, limit in (("s", 1, 120), ("min", 60, 120), ("h", 3600, 48)):
        if seconds < size * limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"


def seconds_since(moment: str) -> float:
    """Seconds from an RFC 3339 time to now."""
    return (datetime.now(UTC) - parse_time(moment)).total_seconds()


def parse_time(moment: str) -> datetime:
    """An RFC 3339 time."""
    return datetime.fromisoformat(moment)


def size(count: int) -> str:
    """A number of bytes, e.g. `812 bytes`, `34 KiB`, `2.1 MiB`."""
    if count < 1024:  # noqa: PLR2004 - a KiB
        return f"{count} bytes"
    amount = count / 1024
    return f"{amount:.0f} KiB" if amount < 1000 else f"{amount / 1024:.1f} MiB"  # noqa: PLR2004 - three digits


def count(number: int, thing: str) -> str:
    """`1 page`, `2 pages`."""
    return f"{number} {thing}" + ("" if number == 1 else "s")
