"""How many PDFs the whole system makes, beside the limit of this machine in the same run.

python -m tests.benchmarks.pdf_throughput [--invoices FILE] [--count N] [--rounds 5] [--json]

Real invoices are submitted in one bulk call over HTTP, rendered, stored and settled. The limit
is a plain Playwright loop over the same HTML documents: same Chromium, same flags, same PDF
options, one page a core that is used again, `set_content` and `page.pdf` and nothing else. The
two take turns on a warm machine, so that a slow moment meets both; read the ratio. Afterwards
every document is read: its total must be the sum of its lines, and no job lost or doubled.
"""

import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import click
import uvloop

from jobqueue.render.options import RenderOptions
from jobqueue.render.templates import Templates
from tests.benchmarks._invoices import Invoice
from tests.benchmarks._plain_printing import plain_printer
from tests.benchmarks._printing import LEAST_PER_CORE, WARM_UP, input_options, inputs
from tests.benchmarks._reports import TEMPLATE, running_system

MAX_SHOWN = 20
"""Wrong documents that are named; one fault of the system makes all of them wrong."""


class Report(NamedTuple):
    """What a run has found: PDF a second, a value a round, and what was wrong."""

    documents: int
    cores: int
    plain: list[float]
    ours: list[float]
    problems: list[str]

    @property
    def ratio(self) -> float:
        """Median of the pairwise ratios."""
        return statistics.median(a / b for a, b in zip(self.ours, self.plain, strict=True))

    @property
    def is_void(self) -> bool:
        """Whether the machine was too slow for the figures to mean anything."""
        return statistics.median(self.plain) < LEAST_PER_CORE * self.cores


async def measure(invoices: list[Invoice], *, rounds: int, chromium: Path) -> Report:
    """Let the plain loop and the system take turns, then look at all that the system made."""
    options, templates = RenderOptions(), Templates()
    documents = [await templates.render(TEMPLATE, each.data, options) for each in invoices]
    cores = len(os.sched_getaffinity(0))
    plain_rates = []
    with tempfile.TemporaryDirectory(prefix="jq-bench-") as folder:
        async with (
            plain_printer(chromium, pages=cores, options=options) as plain,
            running_system(Path(folder), chromium, cores) as system,
        ):
            await plain.rate(documents[:WARM_UP])
            warm_up = await system.make(invoices[:WARM_UP])
            batches = []
            for _ in range(rounds):
                plain_rates.append(await plain.rate(documents))
                batches.append(await system.make(invoices))
            problems = await system.problems([warm_up, *batches])
    return Report(len(documents), cores, plain_rates, [each.rate for each in batches], problems)


def show(report: Report) -> None:
    """The figures, a line a round."""
    click.echo(f"{report.documents} invoices a round, {report.cores} cores; PDF/s")
    click.echo("round   plain    ours   ours / plain")
    for number, (plain, ours) in enumerate(zip(report.plain, report.ours, strict=True), 1):
        click.echo(f"{number:5} {plain:7.1f} {ours:7.1f} {ours / plain:14.2f}")
    plain, ours = statistics.median(report.plain), statistics.median(report.ours)
    click.echo(f"{'median':>6}{plain:7.1f} {ours:7.1f} {report.ratio:14.2f}")
    if report.is_void:
        least = LEAST_PER_CORE * report.cores
        click.echo(f"VOID: the plain loop made less than {least:g} PDF/s; nothing can be compared")
    for problem in report.problems[:MAX_SHOWN]:
        click.echo(f"WRONG: {problem}")
    if len(report.problems) > MAX_SHOWN:
        click.echo(f"WRONG: {len(report.problems) - MAX_SHOWN} more")
    if not report.problems:
        click.echo("verified: every total is the sum of its lines, no job is lost or doubled")


def as_json(report: Report) -> str:
    """The figures for programs."""
    figures: dict[str, Any] = report._asdict()
    figures |= {"ratio": report.ratio, "void": report.is_void, "verified": not report.problems}
    return json.dumps(figures, indent=1)


@click.command()
@input_options
@click.option("--json", "wants_json", is_flag=True, help="Print every value as JSON.")
def main(path: Path, *, count: int | None, rounds: int, wants_json: bool) -> None:
    """Measure PDF/s through the whole system beside a plain Playwright loop.

    The exit code is 0 when every document was verified.
    """
    invoices, chromium = inputs(path, count)
    report = uvloop.run(measure(invoices, rounds=rounds, chromium=chromium))
    if wants_json:
        click.echo(as_json(report))
    else:
        show(report)
    sys.exit(1 if report.problems else 0)


if __name__ == "__main__":
    main()
