"""Large payloads and results: kept in the storage, with a reference in their place in Redis.

    producer: upload the payload → enqueue a job that refers to it
    worker:   fetch the payload → run → upload the result → the fenced settle publishes it
    reader:   fetch what is asked for

Nothing here removes anything: an upload whose enqueue or settle did not happen is found and
removed by housekeeping.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import TypeVar

import msgspec

from jobqueue.app.references import (
    Reference,
    decode_reference,
    encode_reference,
    is_reference,
    payload_key,
    result_key,
    shared_payload_key,
)
from jobqueue.broker.broker import Broker
from jobqueue.errors import ContentGone, StorageUnavailable
from jobqueue.model import Job
from jobqueue.settings import LimitSettings
from jobqueue.storage.base import Storage
from jobqueue.storage.whole import chunks_of, read_whole
from jobqueue.submission import NewJob

T = TypeVar("T")
R = TypeVar("R")

OpenStorage = Callable[[], Awaitable[Storage]]
"""Gives the storage, started; the first call may have to open it."""


AT_ONCE = 16
"""Transfers of one call at the same time: enough to hide a round trip to a bucket behind
others, few enough to leave connections for other callers."""

SUBMIT_PATIENCE = 15.0
"""Seconds that the upload of one payload may take: a client waits for the answer to its submit,
and a storage that hangs would otherwise be waited for as long as a worker has time."""

_CONTENT_TYPE = "application/json"


class Contents:
    """Keeps and fetches the payloads and results of one namespace.

    Args:
        broker: knows the name under which they are kept.
        open_storage: gives the storage; not called before there is something large.
        limits: `inline` is the size in bytes up to which contents stay in Redis.
    """

    def __init__(self, broker: Broker, open_storage: OpenStorage, limits: LimitSettings) -> None:
        self._broker = broker
        self._open_storage = open_storage
        self._inline = limits.inline
        self._deployment: str | None = None

    async def prepare(self) -> None:
        """Learn from Redis now what an upload needs, so that an outage later costs no attempt.

        Raises:
            Unavailable: Redis does not answer.
        """
        await self._name()

    def is_large(self, content: bytes) -> bool:
        """Whether a content has its place in the storage."""
        return len(content) > self._inline

    async def keep_payload(self, job: NewJob) -> NewJob:
        """`job` as it is to be enqueued: with a reference where its payload is large.

        Raises:
            StorageUnavailable: the storage does not take it.
            Unavailable: Redis does not answer.
        """
        if not self.is_large(job.payload):
            return job
        key = payload_key(await self._name(), job.id)
        reference = await self._store_payload(key, job.payload)
        return msgspec.structs.replace(job, payload=reference)

    async def keep_shared_payload(self, payload: bytes) -> bytes:
        """What many jobs are to have as their payload: a reference where it is large.

        The object is never removed: nobody knows which of the jobs is the last. The same payload
        has the same reference.

        Raises:
            StorageUnavailable: the storage does not take it.
            Unavailable: Redis does not answer.
        """
        if not self.is_large(payload):
            return payload
        return await self._store_payload(shared_payload_key(await self._name(), payload), payload)

    async def keep_payloads(self, jobs: Sequence[NewJob]) -> list[NewJob]:
        """Each of `jobs` as `keep_payload` gives it; some are uploaded at the same time."""
        if not any(self.is_large(job.payload) for job in jobs):
            return [*jobs]  # no task for each of many small ones
        return await _each(jobs, self.keep_payload)

    async def keep_result(self, job_id: str, token: str, result: bytes) -> bytes:
        """Store a large result of one delivery; gives the reference that its verdict carries.

        Raises:
            StorageUnavailable: the storage does not take it.
        """
        return await self._store(result_key(await self._name(), job_id, token), result)

    async def fetch(self, content: bytes) -> bytes:
        """The payload or result that `content` is or refers to.

        Raises:
            ContentGone: it is not in the storage.
            StorageUnavailable: the storage does not answer.
        """
        if not is_reference(content):
            return content
        reference = decode_reference(content)
        storage = await self._open_storage()
        try:
            found = await read_whole(storage, reference.key)
        except FileNotFoundError:
            raise _gone(reference, "is not there") from None
        if len(found) != reference.size:
            raise _gone(reference, f"has {len(found)} bytes there instead of {reference.size}")
        return found

    async def fill(self, job: Job, parts: Collection[str]) -> Job:
        """`job` with its `payload` and `result`, those named in `parts`, fetched.

        Raises:
            ContentGone: one of them is not in the storage.
            StorageUnavailable: the storage does not answer.
        """
        if "payload" in parts and is_reference(job.payload):
            job = msgspec.structs.replace(job, payload=await self.fetch(job.payload))
        if "result" in parts and job.result is not None and is_reference(job.result):
            job = msgspec.structs.replace(job, result=await self.fetch(job.result))
        return job

    async def fill_all(self, jobs: Iterable[Job], parts: Collection[str]) -> list[Job]:
        """Each of `jobs` as `fill` gives it; some are fetched at the same time."""
        return await _each(jobs, lambda job: self.fill(job, parts))

    async def _store_payload(self, key: str, payload: bytes) -> bytes:
        try:
            async with asyncio.timeout(SUBMIT_PATIENCE):
                return await self._store(key, payload)
        except TimeoutError:
            raise StorageUnavailable(
                f"the storage has not taken the payload within {SUBMIT_PATIENCE:g} s: "
                "nothing was enqueued, try again later"
            ) from None

    async def _store(self, key: str, content: bytes) -> bytes:
        storage = await self._open_storage()
        upload = await storage.put(
            key, chunks_of(content), content_type=_CONTENT_TYPE, filename=None
        )
        return encode_reference(Reference(key, upload.size))

    async def _name(self) -> str:
        if self._deployment is None:
            self._deployment = await self._broker.deployment()
        return self._deployment


def already(storage: Storage) -> OpenStorage:
    """A storage that is open, for who would open one."""

    async def get() -> Storage:
        return storage

    return get


async def _each(items: Iterable[T], call: Callable[[T], Awaitable[R]]) -> list[R]:
    """What `call` gives for each item, some at a time; the first error ends them all."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(item: T) -> R:
        async with slots:
            return await call(item)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(item)) for item in items]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


def _gone(reference: Reference, problem: str) -> ContentGone:
    return ContentGone(
        f"the object {reference.key} {problem}: it was removed, or this process has another "
        "storage than the one that stored it (storage.url; with file: each machine has a folder "
        "of its own: use s3://, or one folder that all of them mount)"
    )
