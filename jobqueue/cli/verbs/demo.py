"""`jobqueue demo`: the whole way of a report once, on this machine, in a few seconds."""

from pathlib import Path

import click

from jobqueue.cli.failures import Exit
from jobqueue.cli.laps import Laps
from jobqueue.cli.verb import Verb


@click.command(cls=Verb, example="jobqueue demo")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default="demo-output",
    show_default=True,
    help="Folder for the invoice.",
)
def command(*, out: Path) -> Exit:
    """Make a sample invoice, with everything started for it.

    Starts Redis, API, worker and reaper in a temporary folder and on a free
    port, submits an invoice over HTTP, waits for its PDF, and stops
    everything again.
    """
    laps = Laps()
    with laps.doing("starting Redis, API, worker and reaper"):
        # it brings the whole service along, which takes a second
        from jobqueue.cli.demonstration import demonstrate  # noqa: PLC0415
    return demonstrate(out, laps)
