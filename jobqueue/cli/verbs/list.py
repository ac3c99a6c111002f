"""`jobqueue list`: jobs, state by state."""

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

import click
from rich.text import Text

from jobqueue.cli import show
from jobqueue.cli.follow import failure
from jobqueue.cli.remote import Remote, remote_options
from jobqueue.cli.verb import Verb, json_option
from jobqueue.client import Client, JobDocument, JobList
from jobqueue.state import STATE_ALIASES, State, parse_state

MAX_PAGE = 100
"""Jobs that the service gives at once."""


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
    help="Jobs at most.",
)
@click.option("--cursor", metavar="CURSOR", help="Go on where the last list ended.")
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

    async def collect(client: Client) -> JobList:
        """Up to `limit` jobs: a page of a filtered list may be short before the end."""
        found = JobList(jobs=[], cursor=cursor)
        while True:
            page = await client.list_jobs(
                state=state,
                type=job_type,
                queue=queue,
                tag=tag,
                limit=min(limit - len(found["jobs"]), MAX_PAGE),
                cursor=found["cursor"],
            )
            found = JobList(jobs=found["jobs"] + page["jobs"], cursor=page["cursor"])
            if found["cursor"] is None or len(found["jobs"]) >= limit:
                return found

    found = remote.run(collect)
    if as_json:
        show.print_json(found)
    else:
        _print(found)


def _print(found: JobList) -> None:
    """The jobs below their state, which is a heading since ids are long."""
    for state, jobs in groupby(found["jobs"], key=itemgetter("state")):
        show.put(show.state(state))
        show.put(_lines(list(jobs)))
    if found["cursor"]:
        show.notes().print(f"for more, the same with --cursor {found['cursor']}")
    elif not found["jobs"]:
        show.notes().print("no jobs")


def _lines(jobs: Sequence[JobDocument]) -> Text:
    """Whole ids, since they are what the other verbs take; the end of a line gives way."""
    rows = [(job["id"], job["type"], _age(job), _note(job)) for job in jobs]
    *widths, _ = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    lines = [
        "  ".join(["", *map(str.ljust, cells, widths), note]).rstrip() for *cells, note in rows
    ]
    return Text("\n".join(lines))


def _age(job: JobDocument) -> str:
    """When a job ended or is due, or for how long it has waited or run."""
    if job["finished_at"]:
        return f"{show.duration(show.seconds_since(job['finished_at']))} ago"
    if job["state"] == State.SCHEDULED and job["run_at"]:
        return f"in {show.duration(-show.seconds_since(job['run_at']))}"
    since = job["started_at"] if job["state"] == State.ACTIVE else job["created_at"]
    return f"for {show.duration(show.seconds_since(since or job['created_at']))}"


def _note(job: JobDocument) -> str:
    """What there is to say beside the state."""
    if job["state"] == State.ACTIVE and job["progress"]:
        progress = job["progress"]
        return f"{progress['percent']:.0f} % {show.text(progress['message'])}"
    if job["state"] in {State.DEAD, State.SCHEDULED} and job["error"]:
        return failure(job)
    return "" if job["priority"] == "normal" else job["priority"]
