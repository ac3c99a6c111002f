"""`report-generation`: a template with data, or HTML, becomes a stored PDF, image or page."""

import asyncio
import time
from typing import Any

import msgspec

from jobqueue import metrics
from jobqueue.context import JobContext
from jobqueue.jobs.report_documents import document_key, picture_key
from jobqueue.jobs.report_request import HtmlSource, ReportParser, ReportRequest, TemplateSource
from jobqueue.registry import JobType
from jobqueue.render.failures import RenderTimeout
from jobqueue.render.filenames import filename_for, filename_from_title
from jobqueue.render.options import CONTENT_TYPES, RenderOptions
from jobqueue.render.pool import Rendered, RenderPool
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
        templates: fills templates.
        renderer: prints HTML.
        storage: takes the documents.
    """

    def __init__(self, templates: Templates, renderer: RenderPool, storage: Storage) -> None:
        self._templates = templates
        self._renderer = renderer
        self._storage = storage

    async def __call__(self, job: JobContext, request: ReportRequest) -> ReportResult:
        """Make the document of one attempt; it counts only once the attempt is settled.

        Raises:
            Unrecoverable: the template, the data or the options cannot give a document.
        """
        job.progress(5, "rendering")
        options = request.options
        html = await self._html(request)
        document = await self._render(job, html, options)
        job.progress(80, "uploading")
        filename = options.filename or filename_from_title(html) or DEFAULT_FILENAME
        content_type = CONTENT_TYPES[options.output]
        filename = filename_for(filename, options.output)
        key = document_key(job.id, job.token, options.output)
        upload = await self._store(key, document.data, content_type, filename)
        return ReportResult(
            document=f"{DOCUMENT_PATH}/{job.id}",
            key=upload.key,
            filename=filename,
            content_type=content_type,
            bytes=upload.size,
            sha256=upload.sha256,
            pages=document.pages,
            warnings=document.warnings,
        )

    async def _render(self, job: JobContext, html: str, options: RenderOptions) -> Rendered:
        now = asyncio.get_running_loop().time()
        deadline = job.deadline - (job.deadline - now) * UPLOAD_SHARE
        try:
            return await self._renderer.render(html, options, deadline=deadline)
        except RenderTimeout as error:
            if error.picture is None:
                raise
            key = picture_key(job.id, job.token)
            await self._store(key, error.picture, CONTENT_TYPES["jpeg"], "late.jpeg")
            raise RenderTimeout(f"{error}; what was there is stored as {key}") from error

    async def _html(self, request: ReportRequest) -> str:
        match request.source:
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

    async def _store(self, key: str, document: bytes, content_type: str, filename: str) -> Upload:
        started = time.perf_counter()
        upload = await self._storage.put(
            key, chunks_of(document), content_type=content_type, filename=filename
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
            "options": RenderOptions.model_json_schema(),
        },
        "oneOf": [{"required": ["template", "data"]}, {"required": ["html"]}],
        "additionalProperties": False,
    }


def report_generation(
    templates: Templates, renderer: RenderPool | None, storage: Storage | None
) -> JobType:
    """The job type; without a renderer and a storage it can be submitted but not run here."""
    return JobType(
        name=NAME,
        queue=QUEUE,
        timeout=TIMEOUT,
        retry=DEFAULT_RETRY,
        parse=ReportParser(templates),
        handler=ReportHandler(templates, renderer, storage) if renderer and storage else None,
        renders=True,
        payload_schema=payload_schema(templates),
    )
