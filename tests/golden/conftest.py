"""Makes the documents, once for all tests of them."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from jobqueue.app.contents import already
from jobqueue.jobs.template_shelf import TemplateShelf
from jobqueue.jobs.template_store import TemplateStore
from jobqueue.render.filling.filler import Filler
from jobqueue.render.pool import RenderPool
from jobqueue.settings import LimitSettings, RenderSettings, StorageSettings
from jobqueue.storage.base import Storage
from jobqueue.storage.factory import make_storage
from jobqueue.storage.whole import chunks_of
from tests.jobs.harness import TEMPLATES, Attempt, stored

from .documents import OWN_TEMPLATES, SUPPLIES, documents, text
from .goldens import Goldens

Make = Callable[[str], Awaitable[bytes]]
"""Gives the bytes of a document by its name."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option of `make golden`."""
    parser.addoption("--accept", action="store_true", help="take what differs for golden")


@pytest.fixture
def goldens(request: pytest.FixtureRequest, tmp_path: Path) -> Goldens:
    """The golden files."""
    return Goldens(tmp_path, accepts=request.config.getoption("--accept", default=False))


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def pool() -> AsyncIterator[RenderPool]:
    """A running pool of one page."""
    pool = RenderPool(RenderSettings(slots=1), LimitSettings())
    await pool.start()
    yield pool
    await pool.close()


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def make(pool: RenderPool, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Make]:
    """Makes documents as a worker does that has templates on disk; each one once."""
    folder = tmp_path_factory.mktemp("golden")
    for template in OWN_TEMPLATES:
        shutil.copytree(template, folder / "templates" / template.name)
    storage = make_storage(StorageSettings(), folder)
    await storage.start()
    filler = Filler(1)
    store = TemplateStore(already(storage))
    worker = _Worker(pool, storage, TemplateShelf(TEMPLATES, store, filler, folder / "templates"))
    for key, (name, options) in SUPPLIES.items():
        supply = await worker.report({"html": text(name), "options": options})
        await storage.put(key, chunks_of(supply), content_type="application/pdf", filename=None)
    yield worker.document
    await filler.close()
    await storage.close()


class _Worker:
    def __init__(self, pool: RenderPool, storage: Storage, shelf: TemplateShelf) -> None:
        self._storage = storage
        self._attempt = Attempt(pool, storage, shelf)
        self._made: dict[str, bytes] = {}
        self._count = 0

    async def document(self, name: str) -> bytes:
        if name not in self._made:
            self._made[name] = await self.report(documents()[name].payload)
        return self._made[name]

    async def report(self, payload: dict[str, Any]) -> bytes:
        self._count += 1
        result = await self._attempt.run(payload, token=f"t{self._count}")
        assert result.warnings == ()
        return await stored(self._storage, result.key)
