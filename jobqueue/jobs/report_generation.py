"""`report-generation`: a template with data, or HTML, becomes a stored PDF."""

import asyncio
import time
from typing import Any

import msgspec

from jobqueue import metrics
from jobqueue.context import JobContext
from jobqueue.jobs.page_reports import PageReports
from jobqueue.jobs.page_sources import PAGE_SCHEMAS
from jobqueue.jobs.report_documents import document_key
from jobqueue.jobs.report_request import HtmlSource, ReportParser, ReportRequest, TemplateSource
from jobqueue.net.egress import Egress
from jobqueue.net.vetting import NOTHING_ALLOWED, Vetting
from jobqueue.registry import JobType
from jobqueue.render.filenames import filename_from_title, filename_of_title
from jobqueue.render.options import RenderOptions
from jobqueue.render.pool import RenderedPdf, RenderPool
from jobqueue.render.templates import Templates
from jobqueue.retry import DEFAULT_RETRY
from jobqueue.storage.base import Storage, Upload
from jobqueue.storage.whole import chunks_of

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
        templates: fills templates.
        renderer: prints HTML.
        storage: takes the documents.
        egress: the way out for documents that may load something.
    """

    def __init__(
        self,
        templates: Templates,
        renderer: RenderPool,
        storage: Storage,
        egress: Egress | None = None,
    ) -> None:
        self._templates = templates
        self._renderer = renderer
        self._storage = storage
        self._pages = PageReports(renderer, storage, egress or Egress(NOTHING_ALLOWED))

    async def __call__(self, job: JobContext, request: ReportRequest) -> ReportResult:
        """Make the document of one attempt; it counts only once the attempt is settled.

        Raises:
            Unrecoverable: the template, the data or the options cannot give a document.
        """
        job.progress(5, "rendering")
        now = asyncio.get_running_loop().time()
        deadline = job.deadline - (job.deadline - now) * UPLOAD_SHARE
        pdf, name = await self._print(job, request, deadline)
        job.progress(80, "uploading")
        filename = request.options.filename or name or DEFAULT_FILENAME
        upload = await self._store(document_key(job.id, job.token), pdf.data, filename)
        return ReportResult(
            document=f"{DOCUMENT_PATH}/{job.id}",
            key=upload.key,
            filename=filename,
            content_type=CONTENT_TYPE,
            bytes=upload.size,
            sha256=upload.sha256,
            pages=pdf.pages,
            warnings=pdf.warnings,
        )

    async def _print(
        self, job: JobContext, request: ReportRequest, deadline: float
    ) -> tuple[RenderedPdf, str | None]:
        """The document, and a name that is made of its title."""
        source, options = request.source, request.options
        if not isinstance(source, HtmlSource | TemplateSource):
            pdf = await self._pages.pdf(job, source, options, deadline=deadline)
            return pdf, filename_of_title(pdf.title)
        html = await self._html(source, request)
        if options.network:
            pdf = await self._pages.pdf_of_html(job, html, options, deadline=deadline)
        else:
            pdf = await self._renderer.pdf(html, options, deadline=deadline)
        return pdf, filename_from_title(html)

    async def _html(self, source: HtmlSource | TemplateSource, request: ReportRequest) -> str:
        match source:
            case HtmlSource(html):
                return html
            case TemplateSource(name, data):
                return await self._fill(name, data, request)

    async def _fill(self, name: str, data: dict[str, Any], request: ReportRequest) -> str:
        started = time.perf_counter()
        html = await self._templates.render(
            name, data, request.options, small=request.size <= SMALL
        )
        metrics.RENDER.labels("static", "template").observe(time.perf_counter() - started)
        return html

    async def _store(self, key: str, document: bytes, filename: str) -> Upload:
        started = time.perf_counter()
        upload = await self._storage.put(
            key, chunks_of(document), content_type=CONTENT_TYPE, filename=filename
        )
        metrics.UPLOAD.observe(time.perf_counter() - started)
        metrics.UPLOAD_BYTES.inc(upload.size)
        return upload


def payload_schema(templates: Templates) -> dict[str, Any]:
    """The JSON Schema of a report's payload; a template's data has a schema of its own."""
    return {
        "type": "object",
        "properties": {
            "template": {"type": "string", "enum": list(templates.names())},
            "data": {"type": "object", "description": "what the template is filled with"},
            "html": {"type": "string", "minLength": 1, "description": "a complete document"},
            **PAGE_SCHEMAS,
            "options": RenderOptions.model_json_schema(),
        },
        "oneOf": [
            {"required": ["template", "data"]},
            {"required": ["html"]},
            {"required": ["bundle"]},
            {"required": ["url"]},
        ],
        "additionalProperties": False,
    }


def report_generation(
    templates: Templates,
    renderer: RenderPool | None,
    storage: Storage | None,
    vetting: Vetting = NOTHING_ALLOWED,
) -> JobType:
    """The job type; without a renderer and a storage it can be submitted but not run here."""
    handler = None
    if renderer and storage:
        handler = ReportHandler(templates, renderer, storage, Egress(vetting))
    return JobType(
        name=NAME,
        queue=QUEUE,
        timeout=TIMEOUT,
        retry=DEFAULT_RETRY,
        parse=ReportParser(templates, vetting),
        handler=handler,
        renders=True,
        payload_schema=payload_schema(templates),
    )
