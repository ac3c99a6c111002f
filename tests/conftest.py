"""Fixtures that all tests share: a Redis of their own, a namespace of each test's own."""

import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from .support.redis import redis_server

pytest_plugins = ["jobqueue.testing.plugin"]


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A private Redis on a unix socket (in a short path: socket names are limited)."""
    with tempfile.TemporaryDirectory(prefix="jq-") as folder, redis_server(Path(folder)) as url:
        yield url


@pytest.fixture(scope="session")
def private_redis_url(redis_url: str) -> str:
    """The plugin's server is the one that all tests use."""
    return redis_url


@pytest.fixture
def socket_folder() -> Iterator[Path]:
    """A folder with a path short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="jq-") as name:
        yield Path(name)


@pytest.fixture
def namespace() -> str:
    """A namespace that no other test uses."""
    return f"test-{uuid.uuid4().hex[:12]}"
