"""`--role`: which of the three parts of the service are meant."""

from typing import Any

import click

ROLES = ("api", "worker", "reaper")


def role_option(command: Any) -> Any:
    """`--role R[,R]`, which reaches the verb as the set `roles`."""
    return click.option(
        "--role",
        "roles",
        metavar="R[,R]",
        default="all",
        callback=_parse,
        help="api, worker, reaper, or all of them (default).",
    )(command)


def _parse(_context: click.Context, _parameter: click.Parameter, text: str) -> frozenset[str]:
    named = frozenset(name.strip() for name in text.split(","))
    roles = frozenset(ROLES) if "all" in named else named
    if unknown := roles.difference(ROLES):
        raise click.BadParameter(f"no such role {min(unknown)!r}: api, worker, reaper, or all")
    return roles
