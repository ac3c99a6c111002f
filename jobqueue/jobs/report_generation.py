"""`report-generation`: a template with data, or HTML, becomes a stored PDF."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import closing

import msgspec

from jobqueue import metrics
from jobqueue.context import JobContext
from jobqueue.jobs.report_documents import document_key
from jobqueue.jobs.report_finishing import ReportFinishing
from jobqueue.jobs.report_html import ReportHtml
from jobqueue.jobs.report_parts import PartsSource
from jobqueue.jobs.report_pinning import ReportPinning
from jobqueue.jobs.report_printing import print_html
from jobqueue.jobs.report_request import ReportParser, ReportRequest, Source
from jobqueue.jobs.report_schema import payload_schema
from jobqueue.jobs.template_shelf import TemplateShelf
from jobqueue.registry import JobType
from jobqueue.render.filenames import filename_from_title, safe_filename
from jobqueue.render.options import RenderOptions
from jobqueue.render.pool import RenderPool
from jobqueue.render.templates import Templates
from jobqueue.retry import DEFAULT_RETRY
from jobqueue.storage.base import Storage, Upload

NAME = "report-generation"
QUEUE = "reports"

TIMEOUT = 120.0
"""Seconds that one attempt may take, upload included."""

CONTENT_TYPE = "application/pdf"
DEFAULT_FILENAME = "report.pdf"
DOCUMENT_PATH = "/api/v1/reports"

UPLOAD_SHARE = 0.1
"""Share of an attempt's time that is kept for the upload, so that a document which
takes too long is reported as just that."""

SMALL = 4 * 1024
"""Bytes of a payload up to which its template is filled on the loop, in about 1 ms."""


class ReportResult(msgspec.Struct, frozen=True):
    """What a finished report has as its result.

    Attributes:
        document: where the API serves it.
        key: where it is in the storage.
        bytes: its size.
        warnings: what of the document is not in it.
    """

    document: str
    key: str
    filename: str
    content_type: str
    bytes: int
    sha256: str
    pages: int
    warnings: tuple[str, ...]


class ReportHandler:
    """Renders and stores reports.

    Args:
        html: gives the HTML of what a report is made of.
        renderer: prints HTML.
        storage: takes the documents.
    """

    def __init__(self, html: ReportHtml, renderer: RenderPool, storage: Storage) -> None:
        self._html = html
        self._renderer = renderer
        self._storage = storage

    async def __call__(self, job: JobContext, request: ReportRequest) -> ReportResult:
        """Make the document of one attempt; it counts only once the attempt is settled.

        Raises:
            Unrecoverable: the template, the data or the options cannot give a document.
        """
        job.progress(5, "rendering")
        now = asyncio.get_running_loop().time()
        deadline = job.deadline - (job.deadline - now) * UPLOAD_SHARE
        if isinstance(request.source, PartsSource) or request.options.finishes:
            return await self._make_finished(job, request, deadline)
        html = await self._html.of(request.source, request.options, request.size)
        pdf = await print_html(self._renderer, html, request.options, deadline=deadline)
        job.progress(80, "uploading")
        filename = _filename(request, html)
        with closing(pdf):
            upload = await self._store(job, pdf.chunks(), filename)
        return _result(job, upload, filename, pdf.pages, pdf.warnings)

    async def _make_finished(
        self, job: JobContext, request: ReportRequest, deadline: float
    ) -> ReportResult:
        async def fill(source: Source, options: RenderOptions) -> str:
            return await self._html.of(source, options, request.size)

        finishing = ReportFinishing(self._renderer, self._storage, fill)
        async with finishing.document(request, deadline=deadline) as document:
            job.progress(80, "uploading")
            filename = _filename(request, document.first_html)
            upload = await self._store(job, document.chunks(), filename)
        return _result(job, upload, filename, document.pages, document.warnings)

    async def _store(self, job: JobContext, chunks: AsyncIterator[bytes], filename: str) -> Upload:
        started = time.perf_counter()
        key = document_key(job.id, job.token)
        upload = await self._storage.put(key, chunks, content_type=CONTENT_TYPE, filename=filename)
        metrics.UPLOAD.observe(time.perf_counter() - started)
        metrics.UPLOAD_BYTES.inc(upload.size)
        return upload


def _filename(request: ReportRequest, html: str) -> str:
    metadata = request.options.metadata
    titled = safe_filename(metadata.title) if metadata and metadata.title else None
    return request.options.filename or titled or filename_from_title(html) or DEFAULT_FILENAME


def _result(
    job: JobContext, upload: Upload, filename: str, pages: int, warnings: tuple[str, ...]
) -> ReportResult:
    return ReportResult(
        document=f"{DOCUMENT_PATH}/{job.id}",
        key=upload.key,
        filename=filename,
        content_type=CONTENT_TYPE,
        bytes=upload.size,
        sha256=upload.sha256,
        pages=pages,
        warnings=warnings,
    )


def report_generation(
    templates: Templates,
    renderer: RenderPool | None,
    storage: Storage | None,
    shelf: TemplateShelf | None = None,
) -> JobType:
    """The job type; without a renderer and a storage it can be submitted but not run here."""
    return JobType(
        name=NAME,
        queue=QUEUE,
        timeout=TIMEOUT,
        retry=DEFAULT_RETRY,
        parse=ReportParser(templates, own=shelf is not None),
        handler=ReportHandler(ReportHtml(templates, shelf), renderer, storage)
        if renderer and storage
        else None,
        renders=True,
        payload_schema=payload_schema(templates, own=shelf is not None),
        prepare=ReportPinning(shelf) if shelf else None,
    )
