"""`jobqueue stats`: how many jobs are where."""

import click
from rich.text import Text

from jobqueue.cli import show
from jobqueue.cli.remote import Remote, remote_options
from jobqueue.cli.verb import Verb, json_option
from jobqueue.state import State

SHOWN = (
    State.QUEUED,
    State.ACTIVE,
    State.SCHEDULED,
    State.COMPLETED,
    State.DEAD,
    State.CANCELLED,
)


@click.command(cls=Verb, example="jobqueue stats --json")
@json_option
@remote_options
def command(*, remote: Remote, as_json: bool) -> None:
    """Count jobs by state and queue.

    Finished jobs are counted as long as they are kept.
    """
    stats = remote.run(lambda client: client.stats())
    if as_json:
        show.print_json(stats)
        return
    table = show.table("queue", *SHOWN, right=SHOWN)
    for name, counts in stats["queues"].items():
        table.add_row(name, *(_cell(state, counts[state]) for state in SHOWN))
    if len(stats["queues"]) != 1:
        table.add_row("all", *(_cell(state, stats[state]) for state in SHOWN), style="bold")
    show.put(table)


def _cell(state: State, count: int) -> Text:
    """A count, in the colour of its state where it says something."""
    return Text(str(count), style=show.STATE_STYLES[state] if count else "dim")
