"""`jobqueue submit`: hand in a job, and wait for it if asked to."""

from pathlib import Path
from typing import Any

import click

from jobqueue.cli import show
from jobqueue.cli.documents import out_option
from jobqueue.cli.failures import Exit
from jobqueue.cli.follow import finish
from jobqueue.cli.payload import payload
from jobqueue.cli.remote import Remote, remote_options
from jobqueue.cli.seconds import Seconds
from jobqueue.cli.verb import Verb, json_option
from jobqueue.client import Client
from jobqueue.submission import Priority

EXAMPLE = """\
jobqueue submit report-generation --template invoice --data @invoice.json \\
    --option format=A4 --wait --out invoice.pdf
jobqueue submit thumbnail --data '{"file": "a.png"}' --priority high"""


@click.command(cls=Verb, example=EXAMPLE)
@click.argument("job_type", metavar="TYPE")
@click.option("--data", metavar="JSON", help="Payload: JSON, @file, or - for standard input.")
@click.option("--template", metavar="NAME", help="Template of a report; --data is its data.")
@click.option("--html", metavar="HTML", help="Whole document of a report: HTML, @file or -.")
@click.option("--option", "options", metavar="K=V", multiple=True, help="PDF option of a report.")
@click.option("--queue", metavar="NAME", help="Another queue than the type's own.")
@click.option(
    "--priority", type=click.Choice([priority.label for priority in Priority]), help="Its lane."
)
@click.option("--delay", type=Seconds(), metavar="SECONDS", help="Start later.")
@click.option("--max-attempts", type=click.IntRange(min=1), metavar="N", help="Tries in all.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="Label to list it by.")
@click.option("--wait", is_flag=True, help="Wait for the end; print the result.")
@click.option("--timeout", type=Seconds(), metavar="SECONDS", help="Wait no longer (exit 4).")
@out_option
@json_option
@remote_options
def command(
    *,
    remote: Remote,
    job_type: str,
    data: str | None,
    template: str | None,
    html: str | None,
    options: tuple[str, ...],
    wait: bool,
    timeout: float | None,
    out: Path | None,
    as_json: bool,
    **fields: Any,
) -> Exit:
    """Submit a job, and wait for it if asked to.

    Prints the job's id; with --wait its result; with --out (which waits too)
    saves the document that it makes.
    """
    content = payload(job_type, data=data, template=template, html=html, options=options)
    given = {name: value for name, value in fields.items() if value}

    async def submit(client: Client) -> Exit:
        job = await client.submit(job_type, content, **given)
        if wait or out:
            return await finish(client, job["id"], timeout=timeout, out=out, as_json=as_json)
        if as_json:
            show.print_json(job)
        else:
            click.echo(job["id"])
        return Exit.OK

    return remote.run(submit)
