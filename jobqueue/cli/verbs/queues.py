"""`jobqueue queues`: what waits, and who works on it."""

from typing import Any

import click
from rich.text import Text

from jobqueue.cli import show
from jobqueue.cli.remote import Remote, remote_options
from jobqueue.cli.verb import Verb, json_option
from jobqueue.client import Client

NUMBERS = ("queued", "oldest", "active", "slots", "workers")


@click.command(cls=Verb, example="jobqueue queues")
@json_option
@remote_options
def command(*, remote: Remote, as_json: bool) -> None:
    """Show the queues.

    For each one: jobs ready to run, how long the oldest has waited, jobs that
    run, and the workers on it with their slots.
    """

    async def read(client: Client) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        return await client.queues(), await client.workers()

    queues, workers = remote.run(read)
    if as_json:
        show.print_json(queues)
        return
    if not queues:
        show.notes().print("no queue has been used yet")
        return
    pools = [pool for worker in workers if worker["healthy"] for pool in worker["pools"]]
    table = show.table("queue", *NUMBERS, right=NUMBERS)
    for queue in queues:
        mine = [pool for pool in pools if pool["queue"] == queue["name"]]
        table.add_row(*_row(queue, mine))
    show.put(table)


def _row(queue: dict[str, Any], pools: list[dict[str, Any]]) -> list[show.Cell]:
    counts = queue["counts"]
    oldest = show.duration(queue["oldest_queued_seconds"]) if counts["queued"] else "-"
    workers = Text(str(len(pools))) if pools else Text("none", style="bold red")
    slots = str(sum(pool["slots"] for pool in pools))
    return [queue["name"], str(counts["queued"]), oldest, str(counts["active"]), slots, workers]
