"""`jobqueue settings`: what is in effect, and from where it may be changed."""

import json
import re
from collections.abc import Iterator
from typing import Any

import click

from jobqueue.cli import show
from jobqueue.cli.configuration import Configuration, settings_options
from jobqueue.cli.verb import Verb, json_option
from jobqueue.config import GROUPS
from jobqueue.settings import Settings

MASK = "**********"
"""What pydantic shows instead of a secret."""

_SECRETS = re.compile(r"(?<=://)[^/]*(?=@)|(?<=password=)[^&]*")
"""The login in a URL, and the passwords that a Redis URL may have in its query."""


@click.command(cls=Verb, example="jobqueue settings > config/jobqueue.toml")
@json_option
@settings_options
def command(*, configuration: Configuration, as_json: bool) -> None:
    """Print the settings in effect, secrets masked.

    They are gathered from the defaults, the config file, .env and the environment
    (JOBQUEUE_<GROUP>__<KEY>), the later one wins. The output is a config file.
    """
    settings, warnings = configuration.load()
    for warning in warnings:
        show.notes().print(f"warning: {warning}")
    tree = _masked(settings)
    if as_json:
        show.print_json(tree)
    else:
        click.echo("\n".join(_toml(tree)))


def _masked(settings: Settings) -> dict[str, Any]:
    """All settings as JSON values, without tokens, and without logins in URLs."""
    tree = settings.model_dump(mode="json")
    for group, key in (("redis", "url"), ("storage", "url"), ("storage", "endpoint_url")):
        tree[group][key] = tree[group][key] and _SECRETS.sub("***", tree[group][key])
    return tree


def _toml(tree: dict[str, Any], above: str = "") -> Iterator[str]:
    """The settings as TOML, single keys before groups."""
    groups = {key for key in tree if f"{above}{key}" in GROUPS}
    yield from (_line(key, value) for key, value in tree.items() if key not in groups)
    for group in (key for key in tree if key in groups):
        yield f"\n[{above}{group}]"
        yield from _toml(tree[group], f"{above}{group}.")


def _line(key: str, value: Any) -> str:
    """`key = value`; TOML has no null, so what is not set is a comment."""
    if value is None:
        return f"# {key} is not set"
    if value == MASK:
        return f"# {key} is set, but not shown"
    if isinstance(value, dict):
        inner = ", ".join(
            f"{json.dumps(name)} = {json.dumps(entry)}" for name, entry in value.items()
        )
        return f"{key} = {{{inner}}}"
    return f"{key} = {json.dumps(value, ensure_ascii=False)}"
