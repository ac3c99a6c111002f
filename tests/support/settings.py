"""Loading settings in tests: files given as texts, no environment but the given one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jobqueue.config import load_settings
from jobqueue.settings import Settings

NOWHERE = Path("/nonexistent")


def from_environ(**environ: str) -> tuple[Settings, list[str]]:
    """Load from nothing but these variables."""
    return load_settings(environ=environ, cwd=NOWHERE)


def from_files(
    folder: Path,
    *,
    toml: str | None = None,
    dotenv: str | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
    config: Path | None = None,
) -> tuple[Settings, list[str]]:
    """Write the files into `folder` and load from there."""
    (folder / "config").mkdir(exist_ok=True)
    if toml is not None:
        (folder / "config" / "jobqueue.toml").write_text(toml)
    if dotenv is not None:
        (folder / ".env").write_text(dotenv)
    return load_settings(config=config, flags=flags, environ=environ or {}, cwd=folder)
