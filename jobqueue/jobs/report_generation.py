"""`report-generation`: a template with data, or HTML, becomes a stored PDF, image or page."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import closing

import msgspec

from jobqueue import metrics
from jobqueue.context import JobContext
from jobqueue.jobs.page_reports import PageReports
from jobqueue.jobs.report_documents import document_key, picture_key
from jobqueue.jobs.report_finishing import FinishedDocument, ReportFinishing
from jobqueue.jobs.report_html import ReportHtml
from jobqueue.jobs.report_parts import PartsSource
from jobqueue.jobs.report_pinning import ReportPinning
from jobqueue.jobs.report_printing import ReportPrinting
from jobqueue.jobs.report_request import ReportParser, ReportRequest, Source
from jobqueue.jobs.report_schema import payload_schema
from jobqueue.jobs.template_shelf import TemplateShelf
from jobqueue.net.egress import Egress
from jobqueue.net.vetting import NOTHING_ALLOWED, Vetting
from jobqueue.registry import JobType
from jobqueue.render.failures import RenderTimeout
from jobqueue.render.filenames import filename_for, filename_of_title, safe_filename
from jobqueue.render.options import CONTENT_TYPES, RenderOptions
from jobqueue.render.pool import RenderPool
from jobqueue.render.rendered import Rendered
from jobqueue.render.templates import Templates
from jobqueue.retry import DEFAULT_RETRY
from jobqueue.storage.base import Storage, Upload
from jobqueue.storage.whole import chunks_of

NAME = "report-generation"
QUEUE = "reports"

TIMEOUT = 120.0
"""Seconds that one attempt may take, upload included."""

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
        pages: of a PDF.
        warnings: what of the document is not in it.
    """

    document: str
    key: str
    filename: str
    content_type: str
    bytes: int
    sha256: str
    pages: int | None
    warnings: tuple[str, ...]


class ReportHandler:
    """Renders and stores reports.

    Args:
        html: gives the HTML of what a report is made of.
        renderer: prints HTML.
        storage: takes the documents.
        egress: the way out for documents that may load something.
    """

    def __init__(
        self,
        html: ReportHtml,
        renderer: RenderPool,
        storage: Storage,
        egress: Egress | None = None,
    ) -> None:
        pages = PageReports(renderer, storage, egress or Egress(NOTHING_ALLOWED))
        self._printing = ReportPrinting(html, pages, renderer)
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
        try:
            if isinstance(request.source, PartsSource) or request.options.finishes:
                return await self._make_finished(job, request, deadline)
            return await self._make(job, request, request.source, deadline)
        except RenderTimeout as error:
            if error.picture is None:
                raise
            key = await self._keep_picture(job, error.picture)
            raise RenderTimeout(f"{error}; what was there is stored as {key}") from error

    async def _make(
        self, job: JobContext, request: ReportRequest, source: Source, deadline: float
    ) -> ReportResult:
        options = request.options
        document = await self._printing.render(
            job, source, options, size=request.size, deadline=deadline
        )
        filename = _filename(request, document.title)
        with closing(document):
            upload = await self._upload(job, options, document.chunks(), filename)
        return _result(job, upload, options, filename, document)

    async def _make_finished(
        self, job: JobContext, request: ReportRequest, deadline: float
    ) -> ReportResult:
        async def render(source: Source, options: RenderOptions) -> Rendered:
            return await self._printing.render(
                job, source, options, size=request.size, deadline=deadline
            )

        finishing = ReportFinishing(self._renderer, self._storage, render)
        async with finishing.document(request, deadline=deadline) as document:
            filename = _filename(request, document.title)
            upload = await self._upload(job, request.options, document.chunks(), filename)
        return _result(job, upload, request.options, filename, document)

    async def _upload(
        self, job: JobContext, options: RenderOptions, chunks: AsyncIterator[bytes], filename: str
    ) -> Upload:
        job.progress(80, "uploading")
        key = document_key(job.id, job.token, options.output)
        return await self._store(key, chunks, CONTENT_TYPES[options.output], filename)

    async def _keep_picture(self, job: JobContext, picture: bytes) -> str:
        """Store what was there of a late document; the key."""
        key = picture_key(job.id, job.token)
        await self._store(key, chunks_of(picture), CONTENT_TYPES["jpeg"], "late.jpeg")
        return key

    async def _store(
        self, key: str, chunks: AsyncIterator[bytes], content_type: str, filename: str
    ) -> Upload:
        started = time.perf_counter()
        upload = await self._storage.put(key, chunks, content_type=content_type, filename=filename)
        metrics.UPLOAD.observe(time.perf_counter() - started)
        metrics.UPLOAD_BYTES.inc(upload.size)
        return upload


def _filename(request: ReportRequest, title: str) -> str:
    options = request.options
    titled = safe_filename(options.metadata.title or "") if options.metadata else None
    name = options.filename or titled or filename_of_title(title) or DEFAULT_FILENAME
    return filename_for(name, options.output)


def _result(
    job: JobContext,
    upload: Upload,
    options: RenderOptions,
    filename: str,
    document: Rendered | FinishedDocument,
) -> ReportResult:
    return ReportResult(
        document=f"{DOCUMENT_PATH}/{job.id}",
        key=upload.key,
        filename=filename,
        content_type=CONTENT_TYPES[options.output],
        bytes=upload.size,
        sha256=upload.sha256,
        pages=document.pages,
        warnings=document.warnings,
    )


def report_generation(
    templates: Templates,
    renderer: RenderPool | None,
    storage: Storage | None,
    shelf: TemplateShelf | None = None,
    vetting: Vetting = NOTHING_ALLOWED,
) -> JobType:
    """The job type; without a renderer and a storage it can be submitted but not run here."""
    handler = None
    if renderer and storage:
        handler = ReportHandler(ReportHtml(templates, shelf), renderer, storage, Egress(vetting))
    return JobType(
        name=NAME,
        queue=QUEUE,
        timeout=TIMEOUT,
        retry=DEFAULT_RETRY,
        parse=ReportParser(templates, own=shelf is not None, vetting=vetting),
        handler=handler,
        renders=True,
        payload_schema=payload_schema(templates, own=shelf is not None),
        prepare=ReportPinning(shelf) if shelf else None,
    )
