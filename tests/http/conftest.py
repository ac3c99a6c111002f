"""A service for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .service import Service, running_service


@pytest.fixture
async def service(redis_url: str, namespace: str, tmp_path: Path) -> AsyncIterator[Service]:
    """An API without a token, on a Redis namespace and a folder of the test's own."""
    async with running_service(redis_url, namespace, tmp_path) as service:
        yield service
