"""`jobqueue get`: everything about one job."""

from collections.abc import Iterator

import click
import msgspec

from jobqueue.cli import show
from jobqueue.cli.documents import describe, is_document
from jobqueue.cli.follow import failure
from jobqueue.cli.remote import Remote, remote_options
from jobqueue.cli.verb import Verb, json_option
from jobqueue.client import JobDocument

SHOWN_RESULT = 300
"""Characters of a result that are shown; `jobqueue result` prints all of it."""


@click.command(cls=Verb, example="jobqueue get reports-01JD2V6X3S9K8QZ4M7N5T1W0YB")
@click.argument("job_id", metavar="ID")
@json_option
@remote_options
def command(*, remote: Remote, job_id: str, as_json: bool) -> None:
    """Show a job."""
    job = remote.run(lambda client: client.get(job_id))
    if as_json:
        show.print_json(job)
    else:
        show.put(show.fields(_fields(job)))


def _fields(job: JobDocument) -> Iterator[tuple[str, show.Cell | None]]:
    yield "id", job["id"]
    yield "type", job["type"]
    yield "queue", job["queue"]
    yield "state", show.state(job["state"])
    yield "priority", job["priority"]
    yield "tags", show.text(", ".join(job["tags"])) or None
    yield "attempt", f"{job['attempt']} of {job['max_attempts']}"
    yield "progress", _progress(job)
    yield "error", failure(job) if job["error"] or job["reason"] else None
    yield "worker", job["worker_id"]
    yield "submitted", _moment(job["created_at"])
    yield "due", _moment(job["run_at"])
    yield "started", _moment(job["started_at"])
    yield "finished", _moment(job["finished_at"])
    yield "result", _result(job)


def _progress(job: JobDocument) -> str | None:
    progress = job["progress"]
    if not progress:
        return None
    return f"{progress['percent']:.0f} % {show.text(progress['message'])}".rstrip()


def _moment(moment: str | None) -> str | None:
    """A time, and how far it is from now."""
    if not moment:
        return None
    seconds = show.seconds_since(moment)
    relation = f"{show.duration(seconds)} ago" if seconds >= 0 else f"in {show.duration(-seconds)}"
    return f"{show.parse_time(moment):%Y-%m-%d %H:%M:%S} UTC ({relation})"


def _result(job: JobDocument) -> str | None:
    result = job.get("result")
    if result is None:
        return None
    if is_document(result):
        return f"{result['filename']}: {describe(result)}"
    whole = show.text(msgspec.json.encode(result).decode())
    return whole if len(whole) <= SHOWN_RESULT else f"{whole[:SHOWN_RESULT]} …"
