"""`jobqueue workers`: who works, on what."""

from typing import Any

import click
from rich.text import Text

from jobqueue.cli import show
from jobqueue.cli.remote import Remote, remote_options
from jobqueue.cli.verb import Verb, json_option


@click.command(cls=Verb, example="jobqueue workers")
@json_option
@remote_options
def command(*, remote: Remote, as_json: bool) -> None:
    """Show the workers and what they run."""
    workers = remote.run(lambda client: client.workers())
    if as_json:
        show.print_json(workers)
        return
    for worker in workers:
        show.put(_heading(worker))
        show.put(_pools(worker["pools"]))
    if not workers:
        show.notes().print("no workers; to start one: jobqueue serve --role worker")


def _heading(worker: dict[str, Any]) -> Text:
    health = ("healthy", "green") if worker["healthy"] else ("not answering", "bold red")
    quiet = ", quiet" if worker.get("quiet") else ""
    beat = show.duration(show.seconds_since(worker["last_beat_at"]))
    up = show.duration(show.seconds_since(worker["started_at"]))
    return Text.assemble(
        (worker["id"], "bold"), "  ", health, f"{quiet}, last beat {beat} ago, up {up}\n",
        f"  {', '.join(worker['roles'])} on {worker['host']}, version {worker['version']}, "
        f"{worker['processed']} processed, {worker['failed']} failed",
    )  # fmt: skip


def _pools(pools: list[dict[str, Any]]) -> Any:
    grid = show.table("  pool", "slots", "busy", "jobs", right=("slots", "busy"), wrap="jobs")
    for pool in pools:
        jobs = ", ".join(pool["jobs"])
        grid.add_row(f"  {pool['queue']}", str(pool["slots"]), str(pool["busy"]), jobs)
    return grid
