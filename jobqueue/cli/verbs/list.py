"""`jobqueue list`: jobs, state by state."""

from collections.abc import Sequence

import click
from rich.table import Table

from jobqueue.cli import show
from jobqueue.cli.follow import failure
from jobqueue.cli.remote import Remote, remote_options
from jobqueue.cli.verb import Verb, json_option
from jobqueue.client import Client, JobDocument, JobList
from jobqueue.model import STATE_ALIASES, State, parse_state

ORDER = (
    State.ACTIVE,
    State.QUEUED,
    State.SCHEDULED,
    State.BLOCKED,
    State.DEAD,
    State.COMPLETED,
    State.CANCELLED,
)
"""What needs a look first, first."""


def _state(_context: click.Context, _parameter: click.Parameter, name: str | None) -> State | None:
    if name is None:
        return None
    state = parse_state(name)
    if state is None:
        raise click.BadParameter(f"no such state {name!r}: {', '.join([*State, *STATE_ALIASES])}")
    return state


@click.command(cls=Verb, example="jobqueue list --state dead --type report-generation")
@click.option("--state", callback=_state, metavar="STATE", help="Only this state.")
@click.option("--type", "job_type", metavar="TYPE", help="Only this job type.")
@click.option("--queue", metavar="NAME", help="Only this queue.")
@click.option("--tag", metavar="TAG", help="Only jobs with this tag.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    metavar="N",
    help="Jobs of each state at most.",
)
@click.option("--cursor", metavar="CURSOR", help="Go on where a list with --state ended.")
@json_option
@remote_options
def command(
    *,
    remote: Remote,
    state: State | None,
    job_type: str | None,
    queue: str | None,
    tag: str | None,
    limit: int,
    cursor: str | None,
    as_json: bool,
) -> None:
    """List jobs by state.

    Waiting jobs come in the order in which they will run, finished ones with
    the newest first.
    """
    if cursor and not state:
        raise click.UsageError("--cursor goes on with one state: give --state too")
    filters = {"type": job_type, "queue": queue, "tag": tag}

    async def lists(client: Client) -> dict[State, JobList]:
        return {
            one: await _collect(client, one, filters, limit=limit, cursor=cursor)
            for one in ([state] if state else ORDER)
        }

    found = remote.run(lists)
    if as_json:
        jobs = [job for page in found.values() for job in page["jobs"]]
        show.print_json({"jobs": jobs, "cursor": found[state]["cursor"] if state else None})
    else:
        _print(found)


async def _collect(
    client: Client,
    state: State,
    filters: dict[str, str | None],
    *,
    limit: int,
    cursor: str | None,
) -> JobList:
    """Up to `limit` jobs: a page of a filtered list may be short, or empty, before the end."""
    jobs: list[JobDocument] = []
    while True:
        page = await client.list_jobs(
            state=state, limit=limit - len(jobs), cursor=cursor, **filters
        )
        jobs += page["jobs"]
        cursor = page["cursor"]
        if cursor is None or len(jobs) >= limit:
            return JobList(jobs=jobs, cursor=cursor)


def _print(found: dict[State, JobList]) -> None:
    console = show.output()
    shown = {state: page for state, page in found.items() if page["jobs"]}
    for state, page in shown.items():
        console.print(show.state(state))
        console.print(_table(page["jobs"]))
        if page["cursor"]:
            more = f"jobqueue list --state {state} --cursor {page['cursor']}"
            show.notes().print(f"  more: {more}")
    if not shown:
        show.notes().print("no jobs")


def _table(jobs: Sequence[JobDocument]) -> Table:
    """Whole ids, since they are what the other verbs take; the last column gives way."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, min_width=max(len(job["id"]) for job in jobs) + 2)
    grid.add_column(no_wrap=True, overflow="ellipsis")
    grid.add_column(no_wrap=True, justify="right", min_width=7)
    grid.add_column(no_wrap=True, overflow="ellipsis")
    for job in jobs:
        grid.add_row(f"  {job['id']}", job["type"], _age(job), _note(job))
    return grid


def _age(job: JobDocument) -> str:
    """How long a finished job has been so, a running one has run, a waiting one waits."""
    since = job["finished_at"] or job["started_at"] or job["created_at"]
    if job["state"] == State.SCHEDULED and job["run_at"]:
        return f"in {show.duration(-show.seconds_since(job['run_at']))}"
    return show.duration(show.seconds_since(since))


def _note(job: JobDocument) -> str:
    """What there is to say beside the state."""
    if job["state"] == State.ACTIVE and job["progress"]:
        progress = job["progress"]
        return f"{progress['percent']:.0f} % {show.text(progress['message'])}"
    if job["state"] in {State.DEAD, State.SCHEDULED} and job["error"]:
        return failure(job)
    return "" if job["priority"] == "normal" else job["priority"]
