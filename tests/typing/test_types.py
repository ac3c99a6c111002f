"""What type checkers know of users' programs."""

import sys
from importlib.resources import files
from pathlib import Path

from mypy import api

ROOT = Path(__file__).parents[2]


def test_types_flow_through() -> None:
    """A type checker knows what a handler takes and gives wherever its jobs are used."""
    usage = Path(__file__).with_name("usage.py")
    config = ROOT / "pyproject.toml"
    said, failed, code = api.run(
        [f"--config-file={config}", f"--python-executable={sys.executable}", str(usage)]
    )
    assert (code, failed) == (0, ""), said


def test_the_package_says_that_it_is_typed() -> None:
    """Type checkers look at the annotations of the installed package."""
    assert files("jobqueue").joinpath("py.typed").is_file()
