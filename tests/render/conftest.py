"""A pool that most rendering tests share, and the templates."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from jobqueue.render.pool import RenderPool
from jobqueue.render.templates import Templates
from jobqueue.settings import LimitSettings, RenderSettings


@pytest_asyncio.fixture(scope="session")
async def pool() -> AsyncIterator[RenderPool]:
    """A running pool of two pages."""
    pool = RenderPool(RenderSettings(slots=2), LimitSettings())
    await pool.start()
    yield pool
    await pool.close()


@pytest_asyncio.fixture
async def own_pool() -> AsyncIterator[RenderPool]:
    """A running pool of one page, for tests that break it."""
    pool = RenderPool(RenderSettings(slots=1), LimitSettings())
    await pool.start()
    yield pool
    await pool.close()


@pytest.fixture(scope="session")
def templates() -> Templates:
    """The shipped templates."""
    return Templates()
