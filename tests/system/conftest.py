"""Real processes on the tests' Redis."""

from pathlib import Path

import pytest

from .programs import Launcher


@pytest.fixture
def launcher(tmp_path: Path, redis_url: str, namespace: str) -> Launcher:
    """Starts services for one test."""
    return Launcher(tmp_path, redis_url, namespace)
