"""Whether a million jobs slow anything down.

python -m tests.benchmarks.scale [--jobs 1000000] [--rounds 9] [--turns 20] [--only STATE,…]

Two promises: a claim and its settle cost Redis the same with a million jobs waiting as with ten
thousand (within 10 %), and no script takes 5 ms with a million jobs in whatever state, by the
slow log of Redis. The exit code is 1 when one of them is broken.
"""

import json
import statistics
import sys
from collections.abc import Iterable

import click
import uvloop
from rich.console import Console
from rich.table import Table

from tests.benchmarks._backlog import BOTH, Cost, measure_backlogs
from tests.benchmarks._millions import SCENARIOS, StateTimes, measure_states
from tests.benchmarks._slowlog import CONTROL, LOGGED_US, SLOW_US, ScriptTime

SMALL = 10_000
MOST_GROWTH = 1.10
WIDTH = 120


class Report:
    """What was found.

    Attributes:
        costs: of claim and settle beside each other at two backlogs.
        states: of every script in every state.
    """

    def __init__(self) -> None:
        self.costs: list[Cost] = []
        self.states: list[StateTimes] = []

    @property
    def slow(self) -> list[tuple[str, ScriptTime]]:
        """Scripts that the slow log has with 5 ms or more, and in which state."""
        return [
            (state.state, each)
            for state in self.states
            for each in state.times
            if each.slow and each.name != CONTROL
        ]

    @property
    def control(self) -> ScriptTime:
        """The script whose work is always the same, over all states."""
        times = [each for state in self.states for each in state.times if each.name == CONTROL]
        return ScriptTime(
            CONTROL,
            sum(each.calls for each in times),
            max((each.worst_us for each in times), default=0),
            statistics.median([each.usual_us for each in times] or [0]),
            sum(each.slow for each in times),
        )

    @property
    def is_kept(self) -> bool:
        """Whether both promises are."""
        return not self.slow and not self.growing

    @property
    def growing(self) -> list[Cost]:
        """Where claim and settle together cost more than they may with a large backlog."""
        return [cost for cost in self.costs if cost.verb == BOTH and cost.ratio > MOST_GROWTH]


async def measure(jobs: int, *, rounds: int, turns: int, only: Iterable[str]) -> Report:
    """Both promises, as far as `only` says."""
    report = Report()
    for name in only:
        if name == "backlog":
            report.costs = await measure_backlogs(min(SMALL, jobs), jobs, rounds=rounds)
        else:
            report.states += await measure_states(name, count=jobs, turns=turns)
    return report


def show(report: Report, jobs: int) -> None:
    """The report for people."""
    console = Console(width=WIDTH)
    if report.costs:
        console.print(_costs(report.costs, jobs))
    if report.states:
        console.print(_states(report.states, jobs))
        control = report.control
        click.echo(
            f"beside them Lua that touches no key, usually {control.usual_us / 1000:.2f} ms: worst "
            f"{control.worst_us / 1000:.2f} ms, {control.slow} of {control.calls} over 5 ms: so "
            "much of it is the machine's"
        )
    for state, each in report.slow:
        click.echo(
            f"SLOW: {each.name}: {each.slow} of {each.calls} calls over 5 ms, worst "
            f"{each.worst_us / 1000:.2f}, usually {each.usual_us / 1000:.2f} ms, with {jobs:,} "
            f"jobs {state}"
        )
    for cost in report.growing:
        click.echo(f"GROWS: {cost.verb} of {cost.batch}: {cost.ratio:.2f} times the cost")
    if report.is_kept:
        click.echo("kept: what was measured breaks neither promise")


def _costs(costs: Iterable[Cost], jobs: int) -> Table:
    table = Table(title="us of Redis for a batch of jobs, medians")
    for heading in (
        "",
        f"{min(SMALL, jobs):,} queued",
        f"{jobs:,} queued",
        "ratio",
        "of rounds",
    ):
        table.add_column(heading, justify="right")
    for cost in costs:
        ratios = [b / a for a, b in zip(cost.small, cost.large, strict=True)]
        table.add_row(
            f"{cost.verb} of {cost.batch}",
            f"{statistics.median(cost.small):.1f}",
            f"{statistics.median(cost.large):.1f}",
            f"{cost.ratio:.2f}",
            f"{min(ratios):.2f} to {max(ratios):.2f}",
        )
    return table


def _states(states: Iterable[StateTimes], jobs: int) -> Table:
    table = Table(title=f"the slowest script with {jobs:,} jobs")
    for heading in ("state", "script", "worst, ms", "usual, ms", "5 ms or more", "calls"):
        table.add_column(heading, justify="left" if heading in {"state", "script"} else "right")
    for state in states:
        ours = [each for each in state.times if each.name != CONTROL]
        slowest = max(ours, key=lambda each: each.worst_us)
        is_logged = slowest.worst_us > 0
        table.add_row(
            state.state,
            slowest.name if is_logged else "-",
            f"{slowest.worst_us / 1000:.2f}" if is_logged else f"< {LOGGED_US / 1000:g}",
            f"{slowest.usual_us / 1000:.2f}" if is_logged else "-",
            str(slowest.slow),
            f"{slowest.calls:,}" if is_logged else f"{sum(each.calls for each in ours):,}",
        )
    return table


def as_json(report: Report) -> str:
    """The report for programs: every script in every state."""
    return json.dumps(
        {
            "slow_us": SLOW_US,
            "backlogs": [cost._asdict() | {"ratio": cost.ratio} for cost in report.costs],
            "states": {
                state.state: [each._asdict() for each in state.times if each.calls]
                for state in report.states
            },
            "control": report.control._asdict(),
            "kept": report.is_kept,
        },
        indent=1,
    )


CHOICES = ("backlog", *SCENARIOS)


def _only(_context: click.Context, _parameter: click.Parameter, text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(CHOICES):
        raise click.BadParameter(f"no such part: {', '.join(sorted(unknown))}")
    return names


@click.command()
@click.option("--jobs", type=click.IntRange(1_000), default=1_000_000, show_default=True)
@click.option(
    "--rounds", type=click.IntRange(1), default=9, show_default=True, help="Of the two backlogs."
)
@click.option(
    "--turns", type=click.IntRange(1), default=20, show_default=True, help="Of every verb, a state."
)
@click.option(
    "--only", callback=_only, default=",".join(CHOICES), show_default=True, help="Parts of it."
)
@click.option("--json", "wants_json", is_flag=True, help="Print every value as JSON.")
def main(*, jobs: int, rounds: int, turns: int, only: list[str], wants_json: bool) -> None:
    """See whether a million jobs slow any script down."""
    report = uvloop.run(measure(jobs, rounds=rounds, turns=turns, only=only))
    if wants_json:
        click.echo(as_json(report))
    else:
        show(report, jobs)
    sys.exit(0 if report.is_kept else 1)


if __name__ == "__main__":
    main()
