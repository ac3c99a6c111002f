"""What rendering costs: speed beside raw loops, first document, latency under load, memory.

python -m tests.benchmarks.render [--invoices FILE] [--count N] [--rounds 5] [--renders 2000]

Both lanes go through HTTP, queue and storage. In turn with them, on the same documents: raw loops
(same Chromium, flags and options; for the static lane a page a core used again, for the scripted
one a fresh context a document) and the classic way (a fresh context, `goto`, `page.pdf`, default
flags). Ratios are those within a round, and their median. The documents of the scripted lane end
with a script, whose coming to rest the lane waits for and the raw loop does not.
"""

import asyncio
import json
import logging
import os
import statistics
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import click
import structlog
import uvloop

from jobqueue.render.options import RenderOptions
from jobqueue.render.pool import RenderPool
from jobqueue.render.templates import Templates
from jobqueue.settings import LimitSettings, RenderSettings
from tests.benchmarks._classic_printing import classic_printer
from tests.benchmarks._figures import percentile
from tests.benchmarks._invoices import Invoice
from tests.benchmarks._plain_printing import fresh_printer, plain_printer
from tests.benchmarks._printing import LEAST_PER_CORE, WARM_UP, input_options, inputs
from tests.benchmarks._reports import TEMPLATE, Payload, Reports, running_system

SCRIPT = "<script>document.body.append(document.createComment('made by a script'))</script>"
"""What makes a document one of the scripted lane: it changes nothing that is seen."""

LOAD = 4
"""Jobs in the system at once under load, by core."""

SAMPLES = 10
"""Looks at the memory, with as many documents between each two."""

FIRST = 5
"""Starts of Chromium of which the first document is timed."""

Rates = dict[str, list[float]]
"""Documents a second, a value a round, by who made them. A lane is a row of its own."""


class Report(NamedTuple):
    """What a run has found; seconds, bytes, documents a second."""

    cores: int
    rates: Rates
    first: list[float]
    latencies: list[float]
    memory: list[int]
    problems: list[str]

    def ratio(self, name: str, base: str) -> float:
        """Median of the pairwise ratios."""
        pairs = zip(self.rates[name], self.rates[base], strict=True)
        return statistics.median(ours / theirs for ours, theirs in pairs)

    @property
    def is_void(self) -> bool:
        """Whether the machine was too slow for the figures to mean anything."""
        return statistics.median(self.rates["raw"]) < LEAST_PER_CORE * self.cores


async def first_documents(chromium: Path, html: str) -> list[float]:
    """Seconds from the start of a render pool to its first document, start by start."""
    found = []
    for _ in range(FIRST):
        settings = RenderSettings(slots=1, executable_path=chromium)
        start = time.perf_counter()
        pool = RenderPool(settings, LimitSettings())
        await pool.start()
        try:
            await pool.render(
                html, RenderOptions(), deadline=asyncio.get_running_loop().time() + 60
            )
            found.append(time.perf_counter() - start)
        finally:
            await pool.close()
    return found


async def grow(system: Reports, invoices: list[Invoice], renders: int) -> list[int]:
    """Bytes of service and browsers together, before and between `renders` documents.

    Pages come to their size in the documents before the first look: 0.1 GB for two of them.
    """
    await system.make(list(islice(cycle(invoices), renders // SAMPLES)))
    found = [system.memory()]
    for _ in range(SAMPLES):
        await system.make(list(islice(cycle(invoices), renders // SAMPLES)))
        found.append(system.memory())
    return found


async def measure(invoices: list[Invoice], *, rounds: int, renders: int, chromium: Path) -> Report:
    """Take turns, then load the system, then let it print for long."""
    options, templates = RenderOptions(), Templates()
    documents = [await templates.render(TEMPLATE, each.data, options) for each in invoices]
    cores = len(os.sched_getaffinity(0))
    first = await first_documents(chromium, documents[0])
    scripted = {
        each.number: f"{html}{SCRIPT}" for each, html in zip(invoices, documents, strict=True)
    }

    def with_script(invoice: Invoice) -> Payload:
        return {"html": scripted[invoice.number], "options": {"javascript": True}}

    rates: Rates = {"raw": [], "fresh": [], "classic": [], "static lane": [], "scripted lane": []}
    with tempfile.TemporaryDirectory(prefix="jq-bench-") as folder:
        async with (
            plain_printer(chromium, pages=cores, options=options) as raw,
            fresh_printer(chromium, at_once=cores, options=options) as fresh,
            classic_printer(chromium, at_once=cores, options=options) as classic,
            running_system(Path(folder), chromium, cores) as system,
        ):
            await raw.rate(documents[:WARM_UP])
            await fresh.rate(list(scripted.values())[:WARM_UP])
            await classic.rate(documents[:WARM_UP])
            batches = [await system.make(invoices[:WARM_UP])]
            batches.append(await system.make(invoices[:WARM_UP], with_script))
            for _ in range(rounds):
                rates["raw"].append(await raw.rate(documents))
                rates["fresh"].append(await fresh.rate(list(scripted.values())))
                rates["classic"].append(await classic.rate(documents))
                batches.append(await system.make(invoices))
                rates["static lane"].append(batches[-1].rate)
                batches.append(await system.make(invoices, with_script))
                rates["scripted lane"].append(batches[-1].rate)
            problems = await system.problems(batches)
            latencies = await system.latencies(invoices, at_once=LOAD * cores)
            memory = await grow(system, invoices, renders)
    return Report(cores, rates, first, latencies, memory, problems)


def show(report: Report) -> None:
    """The figures."""
    click.echo(f"PDF/s on {report.cores} cores, median of {len(report.rates['raw'])} rounds")
    for name, rates in report.rates.items():
        ratios = ", ".join(
            f"{report.ratio(name, base):.2f} of {base}" for base in ("raw", "fresh", "classic")
        )
        click.echo(f"  {name:14} {statistics.median(rates):6.1f}   {ratios}")
    click.echo(f"first document after a start: {statistics.median(report.first):.2f} s")
    ordered = sorted(report.latencies)
    p50, p99 = percentile(ordered, 0.5), percentile(ordered, 0.99)
    click.echo(f"with {LOAD} jobs a core in the system: p50 {p50:.2f} s, p99 {p99:.2f} s")
    sizes = " ".join(f"{size >> 20}" for size in report.memory)
    click.echo(f"memory of service and browsers, MiB: {sizes}")
    if report.is_void:
        click.echo("VOID: the machine was busy with something else; compare nothing")
    for problem in report.problems:
        click.echo(f"WRONG: {problem}")


@click.command()
@input_options
@click.option(
    "--renders", type=click.IntRange(SAMPLES), default=2000, show_default=True, help="For memory."
)
@click.option("--json", "wants_json", is_flag=True, help="Print every value as JSON.")
def main(path: Path, *, count: int | None, rounds: int, renders: int, wants_json: bool) -> None:
    """Measure rendering beside raw loops, under load and for long.

    The exit code is 0 when every document was verified.
    """
    invoices, chromium = inputs(path, count)
    quiet = structlog.make_filtering_bound_logger(logging.WARNING)
    structlog.configure(wrapper_class=quiet)
    report = uvloop.run(measure(invoices, rounds=rounds, renders=renders, chromium=chromium))
    if wants_json:
        figures: dict[str, Any] = report._asdict() | {"void": report.is_void}
        click.echo(json.dumps(figures, indent=1))
    else:
        show(report)
    sys.exit(1 if report.problems else 0)


if __name__ == "__main__":
    main()
