"""`jobqueue result`: what a job gave."""

from pathlib import Path

import click

from jobqueue.cli import show
from jobqueue.cli.documents import deliver, out_option
from jobqueue.cli.failures import Exit
from jobqueue.cli.follow import conclude, finish
from jobqueue.cli.remote import Remote, remote_options
from jobqueue.cli.seconds import Seconds
from jobqueue.cli.verb import Verb, json_option
from jobqueue.client import Client
from jobqueue.conflicts import NotReady
from jobqueue.state import State


@click.command(cls=Verb, example="jobqueue result reports-01JD2V6X3S9K8QZ4M7N5T1W0YB --out .")
@click.argument("job_id", metavar="ID")
@click.option("--wait", is_flag=True, help="Wait for the job's end first.")
@click.option("--timeout", type=Seconds(), metavar="SECONDS", help="Wait no longer (exit 4).")
@out_option
@json_option
@remote_options
def command(
    *,
    remote: Remote,
    job_id: str,
    wait: bool,
    timeout: float | None,
    out: Path | None,
    as_json: bool,
) -> Exit:
    """Print a job's result, or save its document.

    With --json the whole job is printed. A job that is dead or cancelled has
    no result (exit 1).
    """

    async def result(client: Client) -> Exit:
        if wait:
            return await finish(client, job_id, timeout=timeout, out=out, as_json=as_json)
        job = await client.get(job_id)
        if not State(job["state"]).is_final:
            raise NotReady(f"{job_id} is still {job['state']}: wait for it with --wait")
        if as_json:
            show.print_json(job)
        if job["state"] != State.COMPLETED:
            return conclude(job)
        await deliver(client, job, out=out, as_json=as_json)
        return Exit.OK

    return remote.run(result)
