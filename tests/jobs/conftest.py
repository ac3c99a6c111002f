"""A pool, a storage, and attempts at reports."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from jobqueue.render.pool import RenderPool
from jobqueue.settings import LimitSettings, RenderSettings, StorageSettings
from jobqueue.storage.base import Storage
from jobqueue.storage.factory import make_storage
from tests.jobs.harness import Attempt


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def renderer() -> AsyncIterator[RenderPool]:
    """A running pool of one page."""
    pool = RenderPool(RenderSettings(slots=1), LimitSettings())
    await pool.start()
    yield pool
    await pool.close()


@pytest_asyncio.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    """A local folder."""
    storage = make_storage(StorageSettings(), tmp_path)
    await storage.start()
    yield storage
    await storage.close()


@pytest.fixture
def attempt(renderer: RenderPool, storage: Storage) -> Attempt:
    """An attempt to be run."""
    return Attempt(renderer, storage)
