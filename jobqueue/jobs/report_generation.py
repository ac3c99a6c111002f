"""`report-generation`: a template with data, or HTML, becomes a stored PDF."""

import asyncio
import time
from typing import Any

import msgspec

from jobqueue import metrics
from jobqueue.context import JobContext
from jobqueue.jobs.report_documents import document_key
from jobqueue.jobs.report_pinning import ReportPinning
from jobqueue.jobs.report_request import (
    HtmlSource,
    MarkdownSource,
    OwnTemplateSource,
    ReportParser,
    ReportRequest,
    TemplateSource,
)
from jobqueue.jobs.report_sources import OwnSources
from jobqueue.jobs.template_keys import LABEL_PATTERN
from jobqueue.jobs.template_shelf import TemplateShelf
from jobqueue.registry import JobType
from jobqueue.render.filenames import filename_from_title
from jobqueue.render.options import RenderOptions
from jobqueue.render.page_numbers import has_page_numbers, pages_of_targets, with_page_numbers
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
        shelf: users' templates; None: there are none.
    """

    def __init__(
        self,
        templates: Templates,
        renderer: RenderPool,
        storage: Storage,
        shelf: TemplateShelf | None = None,
    ) -> None:
        self._templates = templates
        self._own = OwnSources(shelf)
        self._renderer = renderer
        self._storage = storage

    async def __call__(self, job: JobContext, request: ReportRequest) -> ReportResult:
        """Make the document of one attempt; it counts only once the attempt is settled.

        Raises:
            Unrecoverable: the template, the data or the options cannot give a document.
        """
        job.progress(5, "rendering")
        html = await self._html(request)
        now = asyncio.get_running_loop().time()
        deadline = job.deadline - (job.deadline - now) * UPLOAD_SHARE
        pdf = await self._print(html, request.options, deadline)
        job.progress(80, "uploading")
        filename = request.options.filename or filename_from_title(html) or DEFAULT_FILENAME
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

    async def _print(self, html: str, options: RenderOptions, deadline: float) -> RenderedPdf:
        """Print a document; twice, where it has the numbers of its own pages in it."""
        if has_page_numbers(html):
            draft = await self._renderer.pdf(html, options, deadline=deadline)
            html = with_page_numbers(html, pages_of_targets(draft.data))
        return await self._renderer.pdf(html, options, deadline=deadline)

    async def _html(self, request: ReportRequest) -> str:
        match request.source:
            case HtmlSource(html):
                return html
            case TemplateSource(name, data):
                return await self._fill(name, data, request)
            case OwnTemplateSource(label, data):
                return await self._own.fill(label, data, request.options)
            case MarkdownSource(text):
                return await self._own.markdown(text, request.options)

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


def payload_schema(templates: Templates, *, own: bool = False) -> dict[str, Any]:
    """The JSON Schema of a report's payload; a template's data has a schema of its own."""
    return {
        "type": "object",
        "properties": {
            "template": {"type": "string", "pattern": LABEL_PATTERN}
            if own
            else {"type": "string", "enum": list(templates.names())},
            "data": {"type": "object", "description": "what the template is filled with"},
            "html": {"type": "string", "minLength": 1, "description": "a complete document"},
            "markdown": {"type": "string", "minLength": 1, "description": "a text in Markdown"},
            "options": RenderOptions.model_json_schema(),
        },
        "oneOf": [
            {"required": ["template"]} if own else {"required": ["template", "data"]},
            {"required": ["html"]},
            {"required": ["markdown"]},
        ],
        "additionalProperties": False,
    }


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
        handler=ReportHandler(templates, renderer, storage, shelf)
        if renderer and storage
        else None,
        renders=True,
        payload_schema=payload_schema(templates, own=shelf is not None),
        prepare=ReportPinning(shelf) if shelf else None,
    )
