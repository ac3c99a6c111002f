"""What the benchmarks of rendering have in common: what is printed, by which Chromium, how fast."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click

from jobqueue.render.chromium import HOW_TO_INSTALL, find_chromium
from jobqueue.settings import RenderSettings
from tests.benchmarks._invoices import Invoice, load_invoices

DEFAULT_INVOICES = Path(__file__).parents[3] / "shared" / "data" / "chinook-invoices.ndjson"

WARM_UP = 40
"""Documents that all make before the first round: caches and fonts are loaded by then."""

LEAST_PER_CORE = 7.5
"""PDF a second and core that the plain loop must reach: below, the machine was busy with
something else and the figures say nothing."""

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--invoices",
        "path",
        type=click.Path(path_type=Path, dir_okay=False),
        default=DEFAULT_INVOICES,
        help="NDJSON file of invoices.  [default: ../shared/data/chinook-invoices.ndjson]",
    ),
    click.option("--count", type=click.IntRange(1), help="Use only the first ones."),
    click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Turns."),
)


def input_options(command: Command) -> Command:
    """A command with the options `path`, `count` and `rounds`."""
    return reduce(lambda made, option: option(made), reversed(_OPTIONS), command)


def inputs(path: Path, count: int | None) -> tuple[list[Invoice], Path]:
    """The invoices to print, and the Chromium to print them with.

    Raises:
        click.UsageError: one of them is missing; says what to do.
    """
    if not path.exists():
        raise click.UsageError(f"there are no invoices at {path}: say where with --invoices FILE")
    chromium = find_chromium(RenderSettings())
    if chromium is None:
        raise click.UsageError(f"no Chromium found: install one with {HOW_TO_INSTALL}")
    return load_invoices(path, count), chromium


async def rate_of(
    printers: Iterable[Callable[[Iterator[str]], Coroutine[Any, Any, None]]],
    documents: Sequence[str],
) -> float:
    """Documents a second, where each printer takes the next one whenever it is free."""
    waiting = iter(documents)
    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for prints in printers:
            group.create_task(prints(waiting))
    return len(documents) / (time.perf_counter() - start)
