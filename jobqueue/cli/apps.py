"""The user's own job types: `--app module:object`."""

import importlib
import sys
from pathlib import Path

import click

from jobqueue.app.queue import JobQueue

APP_PATH = "jobqueue.app_path"
"""Where a command's context keeps what `--app` said, for worker processes that load it again."""


def load_app(
    context: click.Context, _parameter: click.Parameter, where: str | None
) -> JobQueue | None:
    """The `JobQueue` that `module:object` names, imported as from the current folder."""
    if where is None:
        return None
    module_name, colon, path = where.partition(":")
    if not colon or not module_name or not path:
        raise click.BadParameter(f"{where!r}: write it as module:object, e.g. mypackage.jobs:app")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = importlib.import_module(module_name)
        for name in path.split("."):
            found = getattr(found, name)
    except Exception as error:
        # whatever the module does wrong is the user's to read, in one line
        raise click.BadParameter(f"{where}: {type(error).__name__}: {error}") from error
    if not isinstance(found, JobQueue):
        raise click.BadParameter(f"{where} is a {type(found).__name__}, not a JobQueue")
    context.meta[APP_PATH] = where
    return found
