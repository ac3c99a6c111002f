"""Settings for the verbs that use Redis, Chromium and storage themselves."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from jobqueue.config import load_settings
from jobqueue.settings import Settings


@dataclass(frozen=True)
class Configuration:
    """What the command line says about the settings."""

    config: Path | None
    flags: Mapping[str, Any]

    def load(self, **groups: Any) -> tuple[Settings, list[str]]:
        """The settings in effect, and warnings; `groups` are further arguments, nested."""
        return load_settings(config=self.config, flags={**self.flags, **groups}, cwd=Path.cwd())


def settings_options(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Where settings, queues and documents are; reaches the verb as `configuration`."""

    @click.option(
        "--config",
        type=click.Path(path_type=Path),
        help="TOML file of settings; otherwise config/jobqueue.toml, if there.",
    )
    @click.option(
        "--redis-url",
        metavar="URL",
        help="redis://, rediss://, unix://, redis+sentinel://, redis+cluster:// or embedded:",
    )
    @click.option("--storage", metavar="URL", help="file:FOLDER or s3://bucket/prefix")
    @click.option("--data-dir", metavar="FOLDER", help="Home of embedded Redis and documents.")
    @functools.wraps(verb)
    def with_configuration(
        config: Path | None,
        redis_url: str | None,
        storage: str | None,
        data_dir: str | None,
        **arguments: Any,
    ) -> Any:
        flags = {"data_dir": data_dir, "redis": {"url": redis_url}, "storage": {"url": storage}}
        return verb(configuration=Configuration(config, flags), **arguments)

    return with_configuration
