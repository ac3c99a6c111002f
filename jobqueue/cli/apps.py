"""The user's own job types: `--app module:object`."""

import importlib
import sys
from pathlib import Path
from typing import NamedTuple

import click

from jobqueue.app.queue import JobQueue


class App(NamedTuple):
    """A user's app, and where it was found, for worker processes that load it again."""

    path: str | None = None
    queue: JobQueue | None = None


def load_app(_context: click.Context, _parameter: click.Parameter, path: str | None) -> App:
    """The `JobQueue` that `module:object` names, imported as from the current folder."""
    if path is None:
        return App()
    module_name, colon, name = path.partition(":")
    if not colon or not module_name or not name:
        raise click.BadParameter(f"{path!r}: write it as module:object, e.g. mypackage.jobs:app")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = importlib.import_module(module_name)
        for attribute in name.split("."):
            found = getattr(found, attribute)
    except Exception as error:
        # whatever the module does wrong is the user's to read, in one line
        raise click.BadParameter(f"{path}: {type(error).__name__}: {error}") from error
    if not isinstance(found, JobQueue):
        raise click.BadParameter(f"{path} is a {type(found).__name__}, not a JobQueue")
    return App(path, found)
