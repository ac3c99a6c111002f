"""Ours beside other job queues, in one run.

python -m tests.benchmarks.comparison [--rounds 5] [--seconds 1.5] [--peers bullmq,saq,arq,streaq]

All take turns, ours first in one round and another one first in the next, so that a slow moment
of the machine meets all of them; read the ratios. How each figure is measured: docs/benchmarks.md.
"""

import json
import os
import sys

import click
import redis
from rich.console import Console
from rich.table import Table

from tests.benchmarks._cases import CASES, ROWS, Case
from tests.benchmarks._driving import DriverFailed
from tests.benchmarks._figures import Figures, Row
from tests.benchmarks._participants import PEERS, Participant, ours, peers
from tests.benchmarks._server import fresh_redis

WIDTH = 160
MOST_SECONDS = 3.0
"""With more, ours would end more jobs in a case than are kept, and counted, at its defaults."""


class Comparison:
    """Lets everybody take turns.

    Args:
        seconds: about how long one turn measures.

    Attributes:
        problems: why a peer is missing in the figures, by its name.
    """

    def __init__(
        self, queues: list[Participant], others: list[Participant], *, rounds: int, seconds: float
    ) -> None:
        self.figures = Figures([each.name for each in queues], [each.name for each in others])
        self.problems: dict[str, str] = {}
        self._participants = queues + others
        self._rounds = rounds
        self._seconds = seconds

    def run(self) -> None:
        """Every case, round by round."""
        for case in CASES:
            for number in range(1 if case.is_steady else self._rounds):
                self._round(case, number)

    def _round(self, case: Case, number: int) -> None:
        first = number % len(self._participants)
        for participant in self._participants[first:] + self._participants[:first]:
            _tell(f"{case.name}, round {number + 1}: {participant.name}")
            try:
                self.figures.add(participant.name, case.run(participant, self._seconds))
            except DriverFailed as error:
                if participant.is_ours:
                    raise
                self._drop(participant, f"{case.name}: {error}")

    def _drop(self, participant: Participant, why: str) -> None:
        self._participants.remove(participant)
        self.figures.drop(participant.name)
        self.problems[participant.name] = why


def headings(figures: Figures) -> list[str]:
    """The columns of the table."""
    return ["", *figures.ours, *figures.peers, *(f"{name} / best peer" for name in figures.ours)]


def cells(figures: Figures, row: Row) -> list[str]:
    """One line of the table: medians, then ratios to the best peer."""
    medians = [figures.median(row, name) for name in (*figures.ours, *figures.peers)]
    ratios = [figures.ratio(row, name) for name in figures.ours]
    name = f"{row.name}, {row.unit}" if row.unit else row.name
    return [name, *map(_number, medians), *map(_number, ratios)]


def as_markdown(figures: Figures) -> str:
    """The table for a document."""
    columns = headings(figures)
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)]]
    lines += [cells(figures, row) for row in ROWS]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def show(figures: Figures) -> None:
    """The table for people."""
    table = Table(title="no-op jobs, 200-byte payload; medians")
    for heading in headings(figures):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=not heading)
    for row in ROWS:
        table.add_row(*cells(figures, row))
    Console(width=WIDTH).print(table)


def machine() -> str:
    """What the figures were measured on."""
    with fresh_redis() as (_, client):
        server = client.info("server")
    version = server.get("valkey_version", server["redis_version"])
    python = ".".join(map(str, sys.version_info[:3]))
    return ", ".join(
        [
            f"{len(os.sched_getaffinity(0))} cores",
            f"{server.get('server_name', 'redis')} {version}",
            f"Python {python}",
            f"redis-py {redis.__version__}",
        ]
    )


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def _tell(line: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{line}", err=True, nl=False)


def _names(_context: click.Context, _parameter: click.Parameter, text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    if unknown := set(names) - set(PEERS):
        raise click.BadParameter(f"no such peer: {', '.join(sorted(unknown))}")
    return names


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Turns.")
@click.option(
    "--seconds",
    type=click.FloatRange(0, MOST_SECONDS, min_open=True),
    default=1.5,
    show_default=True,
    help="About how long one turn measures.",
)
@click.option(
    "--peers", "names", callback=_names, default=",".join(PEERS), show_default=True, help="Who."
)
@click.option("--json", "wants_json", is_flag=True, help="Print every value as JSON.")
@click.option("--markdown", is_flag=True, help="Print the table for a document.")
def main(
    *, rounds: int, seconds: float, names: list[str], wants_json: bool, markdown: bool
) -> None:
    """Measure the queue beside BullMQ, SAQ, arq and streaq."""
    others, missing = peers(names)
    run = Comparison(ours(), others, rounds=rounds, seconds=seconds)
    run.run()
    problems = missing | run.problems
    figures = run.figures
    if wants_json:
        ratios = {
            row.name: {each: figures.ratio(row, each) for each in figures.ours} for row in ROWS
        }
        report = {"machine": machine(), "values": figures.as_dict(), "ratios": ratios}
        click.echo(json.dumps(report | {"missing": problems}, indent=1))
        return
    if markdown:
        click.echo(as_markdown(figures))
    else:
        show(figures)
    click.echo(f"{machine()}; {rounds} rounds")
    for name, why in problems.items():
        click.echo(f"missing: {name}: {why}")


if __name__ == "__main__":
    main()
