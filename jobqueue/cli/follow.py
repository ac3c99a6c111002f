"""A job's way to its end: a live bar on a terminal, lines elsewhere, then what came of it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column

from jobqueue.cli import show
from jobqueue.cli.documents import deliver
from jobqueue.cli.failures import Exit, complain
from jobqueue.client import Client, JobDocument
from jobqueue.state import State

Update = Callable[[JobDocument], None]


@contextmanager
def following(console: Console) -> Iterator[Update]:
    """Shows each document that the update is called with, as `console` can."""
    if console.is_terminal:
        with _bar(console) as update:
            yield update
    else:
        yield _lines(console)


@contextmanager
def _bar(console: Console) -> Iterator[Update]:
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", table_column=Column(no_wrap=True, min_width=9)),
        BarColumn(table_column=Column(min_width=20, width=20)),
        TextColumn("{task.percentage:>3.0f} %", table_column=Column(min_width=5)),
        TimeElapsedColumn(table_column=Column(min_width=7)),
        TextColumn(
            "{task.fields[message]}",
            markup=False,
            table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1),
        ),
        console=console,
        transient=True,
        expand=True,
    )
    with progress:
        task = progress.add_task("submitted", total=100, message="")

        def update(job: JobDocument) -> None:
            progress.update(
                task,
                description=job["state"],
                completed=_percent(job),
                message=_message(job),
            )

        yield update


def _lines(console: Console) -> Update:
    last = ""

    def update(job: JobDocument) -> None:
        nonlocal last
        percent = f" {_percent(job):.0f} %" if job["progress"] else ""
        message = _message(job)
        line = f"{job['state']}{percent}" + (f": {message}" if message else "")
        if line != last and not State(job["state"]).is_final:
            console.print(line)
        last = line

    return update


def _percent(job: JobDocument) -> float:
    if job["state"] == "completed":
        return 100.0
    return job["progress"]["percent"] if job["progress"] else 0.0


def _message(job: JobDocument) -> str:
    """What to say of a job beside its state: why it waits, or what it is doing."""
    if job["state"] == "scheduled" and job["error"]:
        attempt = f"attempt {job['error']['attempt']} of {job['max_attempts']} failed"
        return f"{attempt}: {show.text(job['error']['message'])}"
    if job["state"] == "active" and job["progress"]:
        return show.text(job["progress"]["message"])
    return ""


async def wait(client: Client, job_id: str, *, timeout: float | None) -> JobDocument:  # noqa: ASYNC109 - the client's
    """Wait for a job in front of a person; whoever stops waiting is told that the job goes on."""
    console = show.notes()
    try:
        with following(console) as update:
            return await client.wait(job_id, timeout=timeout, on_update=update)
    except TimeoutError as error:
        raise TimeoutError(f"{error}: jobqueue result {job_id} --wait") from None
    except asyncio.CancelledError:
        console.print(f"{job_id} goes on: jobqueue result {job_id} --wait")
        raise


async def finish(
    client: Client,
    job_id: str,
    *,
    timeout: float | None,  # noqa: ASYNC109 - the client's
    out: Path | None,
    as_json: bool,
) -> Exit:
    """Wait for a job, say how it ended, and print its result or save its document."""
    job = await wait(client, job_id, timeout=timeout)
    code = conclude(job)
    if as_json:
        show.print_json(job)
    if code is Exit.OK:
        await deliver(client, job, out=out, as_json=as_json)
    return code


def conclude(job: JobDocument) -> Exit:
    """Say on stderr how a job ended; gives the exit code that says the same."""
    if job["state"] == "dead":
        attempts = show.count(job["attempt"], "attempt")
        what = f"{job['id']} is dead after {attempts}: {failure(job)}"
    elif job["state"] == "cancelled":
        what = f"{job['id']} was cancelled"
    else:
        show.notes().print(f"{job['id']} completed in {show.duration(_seconds(job))}")
        return Exit.OK
    complain(f"{what}; to run it again: jobqueue retry {job['id']}")
    return Exit.FAILED


def failure(job: JobDocument) -> str:
    """Why a job is dead, e.g. `template_error: line 3: 'total' is undefined`."""
    error = job["error"]
    if not error:
        return job["reason"] or "no reason given"
    return f"{error['code']}: {show.text(error['message'])}"


def _seconds(job: JobDocument) -> float:
    """From submitted, or due, to the end."""
    if not job["finished_at"]:
        return 0.0
    begin = show.parse_time(job["run_at"] or job["created_at"])
    return (show.parse_time(job["finished_at"]) - begin).total_seconds()
