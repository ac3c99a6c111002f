"""A worker's surroundings on the tests' Redis, checked after each test for what must hold."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis

from tests.broker.invariants import violations

from .harness import QUEUE, Harness, open_broker


@pytest.fixture
async def harness(redis_url: str, namespace: str, tmp_path: Path) -> AsyncIterator[Harness]:
    """A harness in a namespace of the test's own; what it leaves must hold together."""
    broker = await open_broker(redis_url, namespace)
    yield Harness(broker, redis_url, namespace, tmp_path)
    await broker.close()
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        assert violations(client, f"{namespace}:{{{QUEUE}}}:") == []
