"""`report-generation`: a template with data, or HTML, becomes a stored PDF."""

import asyncio
import time
from typing import Any

import msgspec
from pydantic import ValidationError

from jobqueue import metrics
from jobqueue.context import JobContext
from jobqueue.errors import FieldError, InvalidRequest, UnknownTemplate
from jobqueue.jobs.report_documents import document_key
from jobqueue.registry import JobType
from jobqueue.render.filenames import filename_from_title
from jobqueue.render.options import PdfOptions
from jobqueue.render.pool import RenderPool
from jobqueue.render.templates import Templates
from jobqueue.retry import DEFAULT_RETRY
from jobqueue.schema_errors import pointer
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

_FIELDS = ("template", "data", "html", "options")


class ReportRequest(msgspec.Struct, frozen=True):
    """A checked payload: `html`, or `template` and `data`; and how to print it.

    Attributes:
        size: bytes of the payload.
    """

    options: PdfOptions
    size: int
    template: str | None = None
    data: dict[str, Any] = {}
    html: str | None = None


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


class ReportParser:
    """Checks payloads, a template's data included.

    Args:
        templates: the templates there are.
    """

    def __init__(self, templates: Templates) -> None:
        self._templates = templates

    def __call__(self, payload: bytes) -> ReportRequest:
        """The request in a payload's JSON.

        Raises:
            UnknownTemplate: there is no template of that name.
            InvalidRequest: names every wrong field by its JSON pointer.
        """
        fields = _decode(payload)
        errors = [
            FieldError(pointer(name), f"is not known; there are {', '.join(_FIELDS)}")
            for name in fields
            if name not in _FIELDS
        ]
        options, wrong_options = _parse_options(fields.get("options"))
        errors += wrong_options
        errors += self._source_errors(fields)
        if errors or options is None:
            raise InvalidRequest("the report request has wrong fields", tuple(errors))
        return ReportRequest(
            options=options,
            size=len(payload),
            template=fields.get("template"),
            data=fields.get("data") or {},
            html=fields.get("html"),
        )

    def _source_errors(self, fields: dict[str, Any]) -> list[FieldError]:
        html, template = fields.get("html"), fields.get("template")
        if (html is None) == (template is None):
            return [FieldError("", "exactly one of template (with data) and html is needed")]
        if html is not None:
            return _html_errors(html, fields)
        if not isinstance(template, str):
            return [FieldError("/template", "must be the name of a template")]
        if "data" not in fields and template in self._templates.names():
            return [FieldError("/data", "is required")]
        return self._data_errors(template, fields.get("data"))

    def _data_errors(self, template: str, data: Any) -> list[FieldError]:
        try:
            self._templates.validate(template, data, at="/data")
        except UnknownTemplate as error:
            raise UnknownTemplate(str(error), (FieldError("/template", str(error)),)) from None
        except InvalidRequest as error:
            return list(error.errors)
        return []


def _decode(payload: bytes) -> dict[str, Any]:
    try:
        fields = msgspec.json.decode(payload)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidRequest(f"the payload is not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise InvalidRequest("the payload must be a JSON object", (FieldError("", "no object"),))
    return fields


def _parse_options(value: Any) -> tuple[PdfOptions | None, list[FieldError]]:
    if value is None:
        return PdfOptions(), []
    try:
        return PdfOptions.model_validate(value), []
    except ValidationError as error:
        return None, [
            FieldError(pointer("options", *each["loc"]), _words(each["msg"]))
            for each in error.errors(include_url=False, include_input=False)
        ]


def _words(message: str) -> str:
    return "must be an object" if "valid dictionary" in message else message


def _html_errors(html: Any, fields: dict[str, Any]) -> list[FieldError]:
    errors = []
    if not isinstance(html, str) or not html.strip():
        errors.append(FieldError("/html", "must be a text of HTML that is not empty"))
    if fields.get("data") is not None:
        errors.append(FieldError("/data", "belongs to a template, not to html"))
    return errors


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
        html = await self._html(request)
        now = asyncio.get_running_loop().time()
        deadline = job.deadline - (job.deadline - now) * UPLOAD_SHARE
        pdf = await self._renderer.pdf(html, request.options, deadline=deadline)
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

    async def _html(self, request: ReportRequest) -> str:
        if request.template is None:
            return request.html or ""
        started = time.perf_counter()
        html = await self._templates.render(
            request.template, request.data, request.options, small=request.size <= SMALL
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
            "options": PdfOptions.model_json_schema(),
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
