"""The `jobqueue` command of this checkout, as tests start it."""

import os
import sys
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def clean_environ() -> dict[str, str]:
    """This process's environment without what would change the command's settings."""
    ours = ("JOBQUEUE_", "REDIS_", "WORKER_")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(ours)},
        "PYTHONPATH": str(REPOSITORY),
    }


def command(*arguments: str) -> list[str]:
    """The command line that runs `jobqueue` from this checkout."""
    return [sys.executable, "-m", "jobqueue", *arguments]


def answers(url: str) -> bool:
    """Whether a GET of this address succeeds."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - our own http URL
            return bool(response.status == 200)
    except OSError:
        return False
