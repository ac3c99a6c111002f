"""The `jobqueue` command: finds the verb, and turns every failure into one line and a code."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

import click
from typing_extensions import override

from jobqueue.cli.failures import Exit, complain, explain
from jobqueue.cli.verb import debug_option

VERBS = {
    "serve": "Run the service: api, worker and reaper, or some of them.",
    "demo": "Make a sample invoice, with everything started for it.",
    "check": "Say what of Redis, Chromium and storage is found and works.",
    "settings": "Print the settings in effect, secrets masked.",
    "submit": "Submit a job, and wait for it if asked to.",
    "get": "Show a job.",
    "result": "Print a job's result, or save its document.",
    "cancel": "Cancel a job.",
    "retry": "Run a dead or cancelled job again.",
    "list": "List jobs by state.",
    "stats": "Count jobs by state and queue.",
    "workers": "Show the workers and what they run.",
    "queues": "Show the queues.",
    "dead": "Show the dead jobs.",
    "keys": "Create, list and revoke API keys.",
}
"""Each verb is `command` in the module `jobqueue.cli.verbs.<verb>`; imported only when called,
so that help is there at once."""

EPILOG = """\b
Try it:  jobqueue demo
Verbs that talk to a service take its address from JOBQUEUE_URL
(http://127.0.0.1:8080) and its token from JOBQUEUE_TOKEN.
\b
Exit codes: 0 ok · 1 the job ended dead or cancelled, or is unknown ·
2 wrong usage or settings · 3 cannot reach the service · 4 timed out waiting
"""


class Verbs(click.Group):
    """The group of all verbs, each loaded when it is called."""

    @override
    def list_commands(self, _context: click.Context) -> list[str]:
        """All verbs, those that newcomers need first."""
        return list(VERBS)

    @override
    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        """The verb's command."""
        if name not in VERBS:
            return None
        command: click.Command = import_module(f"jobqueue.cli.verbs.{name}").command
        return command

    @override
    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of verbs without loading them."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.command(
    cls=Verbs,
    epilog=EPILOG,
    invoke_without_command=True,
    params=[debug_option()],
    subcommand_metavar="VERB [OPTIONS]",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="jobqueue")
@click.pass_context
def commands(context: click.Context) -> None:
    """A job queue on Redis and an HTML-to-PDF report service, in one program."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def run(arguments: Sequence[str]) -> int:
    """Run the command line; gives its exit code."""
    try:
        code = commands.main(list(arguments), prog_name="jobqueue", standalone_mode=False)
        sys.stdout.flush()
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # what is still buffered has no reader; Python would complain about it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.BROKEN_PIPE
    except Exception as error:
        if "--debug" in arguments:
            raise
        code, message = explain(error)
        complain(message)
    return code or Exit.OK


def main() -> NoReturn:
    """Run the command line of this process and exit."""
    sys.exit(run(sys.argv[1:]))
