"""`jobqueue serve`: run the service."""

import asyncio

import click
import structlog

from jobqueue.cli.apps import App, load_app
from jobqueue.cli.configuration import Configuration, settings_options
from jobqueue.cli.loop import loop_factory
from jobqueue.cli.roles import role_option
from jobqueue.cli.verb import Verb
from jobqueue.logs import configure_logging

EXAMPLE = """\
jobqueue serve
jobqueue serve --role worker --queues reports=2,mail=50 --redis-url redis://redis:6379
jobqueue serve --app mypackage.jobs:app"""


def _queues(
    _context: click.Context, _parameter: click.Parameter, text: str | None
) -> dict[str, int] | None:
    if text is None:
        return None
    queues = {}
    for entry in text.split(","):
        name, _, slots = entry.strip().partition("=")
        if not name or not slots.isdecimal():
            raise click.BadParameter(
                f"{entry!r}: write queues with their slots, as reports=2,mail=50"
            )
        queues[name] = int(slots)
    return queues


@click.command(cls=Verb, example=EXAMPLE)
@role_option
@click.option("--host", help="Address to listen on [default: 127.0.0.1].")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port [default: 8080; worker 9101, reaper 9102]."
)
@click.option(
    "--app", callback=load_app, metavar="MOD:OBJ", help="Your job types: a JobQueue object."
)
@click.option(
    "--queues", callback=_queues, metavar="Q=N[,Q=N]", help="Queues to work on, with their slots."
)
@click.option("--concurrency", type=int, metavar="N", help="Slots of each queue without its own.")
@click.option("--processes", type=int, metavar="N", help="Worker processes.")
@click.option("--drain", type=float, metavar="SECONDS", help="Time for running jobs at the end.")
@click.option("--log-level", metavar="LEVEL", help="debug, info, warning or error.")
@settings_options
def command(
    *,
    configuration: Configuration,
    roles: frozenset[str],
    host: str | None,
    port: int | None,
    app: App,
    queues: dict[str, int] | None,
    concurrency: int | None,
    processes: int | None,
    drain: float | None,
    log_level: str | None,
) -> None:
    """Run the service: api, worker and reaper, or some of them.

    Stops on Ctrl-C or SIGTERM once running jobs have ended, or after --drain
    seconds; a second Ctrl-C stops at once. Settings that have no option here
    come from the config file and the environment: see jobqueue settings.
    """
    settings, warnings = configuration.load(
        http={"host": host, "port": port},
        worker={
            "queues": queues,
            "concurrency": concurrency,
            "processes": processes,
            "drain": drain,
        },
        log={"level": log_level},
    )
    configure_logging(settings.log)
    for warning in warnings:
        structlog.get_logger(__name__).warning(warning)
    # half a second: who has set something wrong is told before it
    from jobqueue.service import serve  # noqa: PLC0415

    service = serve(
        settings,
        roles=roles,
        app=app.queue,
        app_path=app.path,
        explicit_port=settings.http.port is not None,
    )
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(service)
