"""`jobqueue retry`: run a finished job again."""

import click

from jobqueue.cli import show
from jobqueue.cli.remote import Remote, remote_options
from jobqueue.cli.verb import Verb, json_option


@click.command(cls=Verb, example="jobqueue retry reports-01JD2V6X3S9K8QZ4M7N5T1W0YB")
@click.argument("job_id", metavar="ID")
@json_option
@remote_options
def command(*, remote: Remote, job_id: str, as_json: bool) -> None:
    """Run a dead or cancelled job again.

    It keeps its id and starts with fresh attempts.
    """
    job = remote.run(lambda client: client.retry(job_id))
    if as_json:
        show.print_json(job)
    else:
        click.echo(f"{job_id} was queued again")
