"""Ten thousand jobs at once, a fifth of them failing, on three workers; then a replay of the dead.

python -m tests.benchmarks.classic [--jobs 10000] [--json]

Once through one bulk call over HTTP, once through one from Python. Failing jobs are tried three
times and are dead then; when what they need works again, every dead letter is replayed. The exit
code is 1 when a job is lost, ends twice or stays dead.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click
import uvloop

from jobqueue.state import State
from tests.benchmarks._classic_jobs import ATTEMPTS
from tests.benchmarks._classic_system import SLOTS, WORKERS, System, classic_system

ONE_FAILS_OF = 5
PAGE = 100
"""Dead letters that are listed, and replayed, at once."""

Submit = Callable[[System, list[dict[str, Any]]], Awaitable[list[str]]]


class Result(NamedTuple):
    """One run, in seconds.

    Attributes:
        ingest: of the one call that submits all jobs.
        drain: from its start until the last job was completed or dead.
        replay: from the first replayed dead letter until the last was completed.
        problems: what was not as promised.
    """

    way: str
    jobs: int
    ingest: float
    drain: float
    dead: int
    replay: float
    problems: list[str]


async def over_http(system: System, jobs: list[dict[str, Any]]) -> list[str]:
    """One POST of all jobs; their ids."""
    return [job["id"] for job in await system.client.submit_many(jobs)]


async def from_python(system: System, jobs: list[dict[str, Any]]) -> list[str]:
    """One call of `enqueue_many`; their ids."""
    return [handle.id for handle in await system.app.enqueue_many(jobs)]


WAYS: Mapping[str, Submit] = {"HTTP": over_http, "Python": from_python}


async def measure(way: str, count: int) -> Result:
    """Submit, drain, replay, and look for what is wrong."""
    jobs = [
        {"type": "classic", "payload": {"number": number, "fails": number % ONE_FAILS_OF == 0}}
        for number in range(count)
    ]
    failing = len(jobs[::ONE_FAILS_OF])
    with tempfile.TemporaryDirectory(prefix="jq-bench-") as folder:
        async with classic_system(Path(folder)) as system:
            start = time.perf_counter()
            ids = await WAYS[way](system, jobs)
            ingest = time.perf_counter() - start
            await system.drained()
            drain = time.perf_counter() - start
            problems = await _wrong(system, ids, completed=count - failing, dead=failing)
            system.heal()
            start = time.perf_counter()
            await replay(system)
            await system.drained()
            replayed = time.perf_counter() - start
            problems += await _wrong(system, ids, completed=count, dead=0)
            problems += _wrong_events(system.events(), count, failing)
    return Result(way, count, ingest, drain, failing, replayed, problems)


async def replay(system: System) -> None:
    """Run every dead letter again, page by page, until the list is empty."""
    while page := (await system.client.list_jobs(state="dead", limit=PAGE))["jobs"]:
        await asyncio.gather(*(system.client.retry(job["id"]) for job in page))


async def _wrong(system: System, ids: list[str], *, completed: int, dead: int) -> list[str]:
    """Whether every submitted job is there, in the state that it must have."""
    expected = {State.COMPLETED: completed, State.DEAD: dead}
    found = Counter(await system.states(ids))
    counts = await system.counts()
    wrong = []
    if len(set(ids)) != completed + dead:
        wrong.append(f"{len(set(ids))} ids were given for {completed + dead} jobs")
    for state in State:
        for where, number in (("its ids", found[state]), ("the queue", counts[state])):
            if number != expected.get(state, 0):
                wrong.append(
                    f"{number} instead of {expected.get(state, 0)} jobs {state}, by {where}"
                )
    return wrong


def _wrong_events(events: Mapping[str, int], count: int, failing: int) -> list[str]:
    """Whether every job was announced completed exactly once, and each failing one dead once.

    Each job is known to be completed by now, so with as many announcements none came twice.
    """
    expected = {"completed": count, "dead": failing}
    return [
        f"{events.get(state, 0)} instead of {number} times announced {state}"
        for state, number in expected.items()
        if events.get(state, 0) != number
    ]


def show(results: list[Result]) -> None:
    """The figures for people."""
    click.echo(
        f"{results[0].jobs:,} jobs in one call, {WORKERS} workers of {SLOTS} slots, 1 of "
        f"{ONE_FAILS_OF} fails {ATTEMPTS} times"
    )
    click.echo("submitted    ingest     jobs/s     drain     jobs/s     dead   replayed in")
    for each in results:
        cells = (
            f"{each.way:9}",
            f"{each.ingest:8.2f} s",
            f"{each.jobs / each.ingest:10,.0f}",
            f"{each.drain:7.2f} s",
            f"{each.jobs / each.drain:10,.0f}",
            f"{each.dead:8,}",
            f"{each.replay:11.2f} s",
        )
        click.echo(" ".join(cells))
    problems = [f"{each.way}: {problem}" for each in results for problem in each.problems]
    for problem in problems:
        click.echo(f"WRONG: {problem}")
    if not problems:
        click.echo("verified: none lost, each completed exactly once, no dead letter left")


@click.command()
@click.option("--jobs", type=click.IntRange(10, 10_000), default=10_000, show_default=True)
@click.option("--json", "wants_json", is_flag=True, help="Print the figures as JSON.")
def main(*, jobs: int, wants_json: bool) -> None:
    """Send jobs to three workers, let a fifth of them die, and replay the dead."""
    results = [uvloop.run(measure(way, jobs)) for way in WAYS]
    if wants_json:
        click.echo(json.dumps([each._asdict() for each in results], indent=1))
    else:
        show(results)
    sys.exit(1 if any(each.problems for each in results) else 0)


if __name__ == "__main__":
    main()
