"""Keeps the storage tidy: what is too old goes, and what no job points at.

Every attempt stores its document and its large result under keys of its own, and the verdict that
Redis accepts points the job at one of them. Nobody else removes the others: whoever is told that
his verdict is stale may be wrong about it. A document that its job points at outlives the job;
large payloads and results do not.

Any number of housekeepers may run: each removes only what nobody can come to want again.
"""

import asyncio
import math
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

import msgspec
import structlog

from jobqueue.app.references import (
    content_prefixes,
    is_reference,
    is_result_key,
    job_of_content,
    referred_key,
)
from jobqueue.broker.broker import Broker, Standing
from jobqueue.errors import RedisUnavailable, Unavailable
from jobqueue.jobs import bundle_uploads
from jobqueue.jobs.report_documents import (
    KEY_PREFIX,
    is_picture,
    job_of_document,
    published_document,
)
from jobqueue.state import State
from jobqueue.storage.base import Storage, StoredObject

INTERVAL = 3600.0
"""Seconds between two rounds: listing a bucket takes time and is billed, and nothing is lost
when a document stays an hour longer than it must."""

SPREAD = 0.2
"""Share by which rounds differ, so that several housekeepers do not list in step."""

FIRST_WITHIN = 60.0
"""Seconds from the start to the first round, at random: soon, so that a process which never
lives for an hour tidies up too, and not all at once when many start together."""

PAUSE_AFTER_FAILURE = 300.0
"""Seconds before a round that an outage broke off begins anew: it lists from the start."""

UNTOUCHED = 3600.0
"""Seconds for which an object is left alone unless it is past its retention: far longer than
lies between an upload and its enqueue or verdict, so that what is under way is never taken."""

BATCH = 500
"""Objects that are looked at, and removed, at once: bounds memory and the length of calls."""

_log = structlog.get_logger(__name__)


class Tidied(msgspec.Struct):
    """What one round did.

    Attributes:
        documents: how many there were.
        expired: of them removed, because they were past their retention.
        orphans: of them removed, because their job has ended and points elsewhere.
        contents: how many large payloads and results there were.
        unneeded: of them removed, because their job is gone, or has ended and points elsewhere.
        bundles: how many uploads were removed, because their time is over.
    """

    documents: int = 0
    expired: int = 0
    orphans: int = 0
    contents: int = 0
    unneeded: int = 0
    bundles: int = 0


class Housekeeper:
    """Tidies up now and then, for ever.

    Args:
        retention: how long documents are kept, in seconds; None: for ever.
    """

    def __init__(self, broker: Broker, storage: Storage, *, retention: float | None) -> None:
        self._broker = broker
        self._storage = storage
        self._retention = retention

    async def run(self) -> None:
        """Tidy up about every hour, through every outage, until cancelled."""
        await asyncio.sleep(random.uniform(0, FIRST_WITHIN))
        while True:
            pause = INTERVAL
            try:
                tidied = await self.tidy(now=time.time())
            except Unavailable as error:
                _log.warning("storage_not_tidied", error=str(error))
                pause = PAUSE_AFTER_FAILURE
            else:
                _log.info("storage_tidied", **msgspec.structs.asdict(tidied))
            await asyncio.sleep(pause * random.uniform(1 - SPREAD, 1 + SPREAD))

    async def tidy(self, *, now: float) -> Tidied:
        """Go over all documents, payloads and results once.

        Args:
            now: Unix time in seconds, which tells their ages.

        Raises:
            Unavailable: the storage or Redis does not answer; what was done is done.
        """
        tidied = Tidied()
        async with self._objects(f"{KEY_PREFIX}/", job_of_document) as batches:
            async for batch in batches:
                await self._tidy_documents(batch, now, tidied)
        bundles = self._objects(f"{bundle_uploads.KEY_PREFIX}/", bundle_uploads.bundle_of)
        async with bundles as batches:
            async for batch in batches:
                await self._tidy_bundles(batch, now, tidied)
        deployment = await self._broker.deployment()
        for prefix in content_prefixes(deployment):
            async with self._objects(prefix, job_of_content) as batches:
                async for batch in batches:
                    await self._tidy_contents(batch, deployment, now, tidied)
        return tidied

    @asynccontextmanager
    async def _objects(
        self, prefix: str, job_of: Callable[[str], str | None]
    ) -> AsyncIterator[AsyncIterator[list[StoredObject]]]:
        """The objects whose keys start with `prefix` and are of jobs, some at a time."""
        async with (
            self._storage.list(prefix) as objects,
            aclosing(_batches(objects, job_of)) as batches,
        ):
            yield batches

    async def _tidy_documents(self, batch: list[StoredObject], now: float, tidied: Tidied) -> None:
        kept_since = -math.inf if self._retention is None else now - self._retention
        expired = [found.key for found in batch if found.modified_at < kept_since]
        old = [found.key for found in batch if kept_since <= found.modified_at < now - UNTOUCHED]
        orphans = await self._orphans(old)
        if expired or orphans:
            await self._storage.delete([*expired, *orphans])
        tidied.documents += len(batch)
        tidied.expired += len(expired)
        tidied.orphans += len(orphans)

    async def _tidy_bundles(self, batch: list[StoredObject], now: float, tidied: Tidied) -> None:
        old = [each.key for each in batch if each.modified_at < now - bundle_uploads.KEPT]
        if old:
            await self._storage.delete(old)
        tidied.bundles += len(old)

    async def _tidy_contents(
        self, batch: list[StoredObject], deployment: str, now: float, tidied: Tidied
    ) -> None:
        old = [found.key for found in batch if found.modified_at < now - UNTOUCHED]
        job_ids = {key: job_id for key in old if (job_id := job_of_content(key))}
        standings = await self._broker.standings(set(job_ids.values()))
        unneeded = [
            key for key, job_id in job_ids.items() if _is_unneeded(key, standings.get(job_id))
        ]
        # a Redis that came back empty knows no job: it has lost its name as well
        if await self._broker.deployment() != deployment:
            raise RedisUnavailable("Redis has lost its data in the middle of a round")
        if unneeded:
            await self._storage.delete(unneeded)
        tidied.contents += len(batch)
        tidied.unneeded += len(unneeded)

    async def _orphans(self, keys: list[str]) -> list[str]:
        """Those of the documents that their job, which has ended, does not point at."""
        job_ids = {key: job_id for key in keys if (job_id := job_of_document(key))}
        standings = await self._broker.standings(set(job_ids.values()))
        return [
            key
            for key, job_id in job_ids.items()
            if job_id in standings and _is_orphan(key, standings[job_id])
        ]


def _is_orphan(key: str, standing: Standing) -> bool:
    if standing.state is State.COMPLETED:
        published = published_document(standing.result or b"")
        return published is not None and published != key  # not named at all: better keep them
    if standing.state is State.DEAD and is_picture(key):
        return False  # the job's error names it
    return standing.state.is_final


def _is_unneeded(key: str, standing: Standing | None) -> bool:
    """Whether nobody can come to want this payload or result of a job that stands so."""
    if standing is None:
        return True
    if not is_result_key(key) or not standing.state.is_final:
        return False
    result = standing.result or b""
    # one that cannot be read, because another version wrote it: better keep them
    return not is_reference(result) or referred_key(result) not in {None, key}


async def _batches(
    objects: AsyncIterator[StoredObject], job_of: Callable[[str], str | None]
) -> AsyncGenerator[list[StoredObject], None]:
    """Those of the objects that are of jobs, some at a time."""
    batch: list[StoredObject] = []
    async for found in objects:
        if job_of(found.key) is None:  # not ours
            continue
        batch.append(found)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
