"""`jobqueue check`: what is found and works on this machine."""

import asyncio

import click
import msgspec
from rich.table import Table
from rich.text import Text

from jobqueue.cli import show
from jobqueue.cli.configuration import Configuration, settings_options
from jobqueue.cli.failures import Exit
from jobqueue.cli.findings import Finding, warning
from jobqueue.cli.roles import role_option
from jobqueue.cli.verb import Verb, json_option
from jobqueue.logs import configure_logging
from jobqueue.settings import Settings


@click.command(cls=Verb, example="jobqueue check --role worker --redis-url redis://redis:6379")
@role_option
@json_option
@settings_options
def command(*, configuration: Configuration, roles: frozenset[str], as_json: bool) -> Exit:
    """Say what of Redis, Chromium and storage is found and works.

    Each is used as the service would use it; what is missing comes with its
    fix. Exits with 1 when something is missing that the service needs.
    """
    settings, warnings = configuration.load(log={"level": "error"})
    configure_logging(settings.log)
    with show.notes().status("checking"):
        found = asyncio.run(_check(settings, roles))
    findings = [*(warning("settings", text) for text in warnings), *found]
    if as_json:
        show.print_json(msgspec.to_builtins(findings))
    else:
        _print(findings)
    broken = sum(finding.required and not finding.ok for finding in findings)
    if not as_json:
        missing = f"{show.count(broken, 'thing')} to fix before the service can run here"
        show.notes().print(missing if broken else "the service can run here")
    return Exit.FAILED if broken else Exit.OK


async def _check(settings: Settings, roles: frozenset[str]) -> list[Finding]:
    """All findings for these roles, looked for side by side."""
    # they bring the whole service along, which takes a second in which the verb says what it does
    from jobqueue.cli.checks import CHECKS  # noqa: PLC0415

    checks = dict.fromkeys(check for role in sorted(roles) for check in CHECKS[role])
    answers = await asyncio.gather(*(check(settings) for check in checks))
    return [finding for answer in answers for finding in answer]


def _print(findings: list[Finding]) -> None:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(overflow="fold")
    for finding in findings:
        grid.add_row(_verdict(finding), finding.name, show.text(finding.detail))
        if finding.fix:
            grid.add_row("", "", f"fix: {finding.fix}", style="cyan")
    show.put(grid)


def _verdict(finding: Finding) -> Text:
    if finding.ok:
        return Text("ok", style="green")
    return Text("FAIL", "bold red") if finding.required else Text("warn", "yellow")
