"""`jobqueue cancel`: end a job."""

import click

from jobqueue.cli import show
from jobqueue.cli.remote import Remote, remote_options
from jobqueue.cli.verb import Verb, json_option
from jobqueue.state import State


@click.command(cls=Verb, example="jobqueue cancel reports-01JD2V6X3S9K8QZ4M7N5T1W0YB")
@click.argument("job_id", metavar="ID")
@json_option
@remote_options
def command(*, remote: Remote, job_id: str, as_json: bool) -> None:
    """Cancel a job.

    One that waits is cancelled at once; one that runs is told to stop and ends
    within a second or so.
    """
    job = remote.run(lambda client: client.cancel(job_id))
    if as_json:
        show.print_json(job)
    elif job["state"] == State.CANCELLED:
        click.echo(f"{job_id} is cancelled")
    else:
        click.echo(f"{job_id} is {job['state']}: it was told to stop")
