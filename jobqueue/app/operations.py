"""The use cases behind the HTTP API: jobs, their documents, and what operators look at."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from jobqueue.app.api_keys import ApiKeys
from jobqueue.app.contents import Contents, already
from jobqueue.app.jobs import Jobs
from jobqueue.app.sweeping import Swept
from jobqueue.app.templates import Templates
from jobqueue.broker.broker import Broker
from jobqueue.errors import DocumentGone, FieldError, InvalidRequest, JobNotFound
from jobqueue.jobs import bundle_uploads
from jobqueue.jobs.bundle import InvalidBundle
from jobqueue.jobs.template_shelf import TemplateShelf
from jobqueue.model import QueueStats, WorkerInfo
from jobqueue.registry import Registry
from jobqueue.settings import Settings
from jobqueue.state import State
from jobqueue.storage.base import Download, Storage, Upload

SILENT_AFTER = 15.0
"""Seconds without a beat after which a worker is shown as unhealthy: three beats are missing."""


class DocumentInfo(msgspec.Struct, frozen=True):
    """A stored document, as its job's result describes it.

    Attributes:
        sha256: of its bytes, in hex; None: an older version stored it.
        link: where a client may fetch it directly; None: only through this process.
    """

    key: str
    filename: str
    content_type: str
    bytes: int
    sha256: str | None = None
    link: str | None = None


class Operations(Jobs):
    """What clients and operators can do, on one broker and one storage.

    Attributes:
        templates: what reports can be made from.
        api_keys: who may call the API.
        audit: what operators did.
    """

    def __init__(
        self,
        broker: Broker,
        registry: Registry,
        settings: Settings,
        storage: Storage,
        shelf: TemplateShelf,
    ) -> None:
        contents = Contents(broker, already(storage), settings.limits)
        super().__init__(broker, registry, settings.limits, contents)
        self.templates = Templates(shelf, self)
        self.api_keys = ApiKeys(broker.access.api_keys)
        self.audit = broker.access.audit
        self._storage = storage
        self._link_expiry = settings.storage.link_expiry

    async def document(self, job_id: str) -> DocumentInfo:
        """The document that a job made.

        Raises:
            JobNotFound: there is no such job, or its kind makes no document.
            NotReady: it has not ended.
            JobFailed: it is dead.
            JobCancelled: it was cancelled.
            DocumentGone: the document was removed.
            StorageUnavailable: the storage does not answer.
        """
        job = await self.result(job_id)
        try:
            document = msgspec.json.decode(job.result or b"null", type=DocumentInfo)
        except msgspec.ValidationError:
            raise JobNotFound(
                f"job {job_id} made no document: its result is at /api/v1/jobs/{job_id}/result"
            ) from None
        if await self._storage.head(document.key) is None:
            raise _gone(document)
        link = await self._storage.link(
            document.key, filename=document.filename, expires=self._link_expiry
        )
        return msgspec.structs.replace(document, link=link)

    @asynccontextmanager
    async def open_document(
        self, document: DocumentInfo, *, start: int = 0
    ) -> AsyncIterator[Download]:
        """The bytes of a document, from byte `start` on.

        Raises:
            DocumentGone: it was removed.
            StorageUnavailable: the storage does not answer.
        """
        try:
            async with self._storage.open(document.key, start=start) as download:
                yield download
        except FileNotFoundError:
            raise _gone(document) from None

    async def keep_bundle(self, content: bytes) -> tuple[Upload, int]:
        """Store a bundle for jobs to come; gives where, and how many files it has.

        Raises:
            InvalidRequest: it is not as it should be; names the file.
            StorageUnavailable: the storage does not take it.
        """
        try:
            return await bundle_uploads.keep_bundle(self._storage, content)
        except InvalidBundle as error:
            raise InvalidRequest(
                f"the bundle is refused: {error}", (FieldError("", str(error)),)
            ) from None

    async def stats(self) -> list[QueueStats]:
        """Jobs by state, of each queue."""
        return await self._broker.stats()

    async def workers(self) -> list[WorkerInfo]:
        """Every worker that beat lately."""
        return await self._broker.workers()

    async def quiet(self, worker_id: str) -> None:
        """Let a worker claim nothing until `unquiet`; what it runs goes on.

        Raises:
            WorkerNotFound: no worker of this id beat lately.
        """
        await self._broker.quiet(worker_id)

    async def unquiet(self, worker_id: str) -> None:
        """Let a quiet worker claim again; raises as `quiet` does."""
        await self._broker.unquiet(worker_id)

    async def clear(self, state: State, *, within: float) -> Swept:
        """Empty one state of all queues, see `Queues.clear`."""
        queues = await self._broker.queues()
        return await self.queues.clear_everywhere(state, queues=queues, within=within)


def is_healthy(worker: WorkerInfo) -> bool:
    """Whether a worker has beaten as it should."""
    return time.time() * 1000 - worker.last_beat_at_ms < SILENT_AFTER * 1000


def _gone(document: DocumentInfo) -> DocumentGone:
    return DocumentGone(f"the document {document.filename!r} was removed from the storage")
