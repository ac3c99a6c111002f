"""Templates: list, read, put, delete, preview."""

from typing import Any

import msgspec
from aiohttp import web

from jobqueue.app.decoding import Decoder
from jobqueue.app.operations import DocumentInfo
from jobqueue.app.templates import TemplateInfo, schema_of, source_of
from jobqueue.errors import FieldError, InvalidRequest, Unrecoverable
from jobqueue.http.answers import json_response
from jobqueue.http.bodies import ENVELOPE, read_json
from jobqueue.http.documents import PREFIX, timestamp
from jobqueue.http.queries import Query, no_query
from jobqueue.http.reports import stream_document
from jobqueue.http.state import operations_of
from jobqueue.http.template_uploads import read_upload
from jobqueue.render.template_files import TemplateFiles

HTML = "text/html"

ISOLATION = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"
"""The Content-Security-Policy of a preview in HTML: what users wrote does not run as ours."""


class VersionDocument(msgspec.Struct):
    """One version of a stored template."""

    version: int
    created_at: str


class TemplateSummary(msgspec.Struct, kw_only=True):
    """A template in the list."""

    name: str
    origin: str
    version: int | None
    versions: list[VersionDocument]
    links: dict[str, str]


class TemplateDocument(TemplateSummary, kw_only=True):
    """A template: its files with their sizes in bytes, and the text of the main ones."""

    files: dict[str, int]
    source: str
    schema: Any
    sample: Any


class TemplateList(msgspec.Struct):
    """All templates, by name."""

    templates: list[TemplateSummary]


class Preview(msgspec.Struct, forbid_unknown_fields=True):
    """What a preview is made with; both may be left out."""

    data: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    options: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


_decode = Decoder(Preview)


async def list_all(request: web.Request) -> web.Response:
    """All templates: shipped, on disk, and stored."""
    no_query(request)
    found = await operations_of(request).templates.list()
    return json_response(TemplateList([TemplateSummary(**_summary(each)) for each in found]))


async def read(request: web.Request) -> web.Response:
    """One template; `?version=` of it."""
    info, files = await operations_of(request).templates.read(_name(request), _version(request))
    return json_response(_document(info, files))


async def put(request: web.Request) -> web.Response:
    """Store a new version."""
    no_query(request)
    name, operations = _name(request), operations_of(request)
    added = await operations.templates.put(name, await read_upload(request))
    document = _document(*await operations.templates.read(name, added.version))
    location = {"Location": f"{document.links['self']}?version={added.version}"}
    return json_response(document, status=201, headers=location)


async def delete(request: web.Request) -> web.Response:
    """Hide a template; jobs that wait with one of its versions go on."""
    no_query(request)
    await operations_of(request).templates.delete(_name(request))
    return web.Response(status=204)


async def preview(request: web.Request) -> web.StreamResponse:
    """The template with its sample or with given data: a PDF, or HTML for who accepts that."""
    version, operations = _version(request), operations_of(request)
    asked: dict[str, Any] = {}
    if request.can_read_body:
        body = await read_json(request, operations.limits.payload + ENVELOPE)
        asked = msgspec.to_builtins(_decode(body))
    name = _name(request)
    if request.headers.get("Accept", "").startswith(HTML):
        try:
            html = await operations.templates.preview_html(name, version, asked)
        except Unrecoverable as error:
            raise InvalidRequest(str(error), (FieldError("/template", str(error)),)) from None
        headers = {"Content-Security-Policy": ISOLATION}
        return web.Response(text=html, content_type=HTML, charset="utf-8", headers=headers)
    job = await operations.templates.preview_pdf(name, version, asked)
    document = msgspec.json.decode(job.result or b"", type=DocumentInfo)
    return await stream_document(request, document)


def _name(request: web.Request) -> str:
    return request.match_info["name"]


def _version(request: web.Request) -> int | None:
    query = Query(request, ("version",))
    version = query.text("version")
    if version is not None and not (version.isdecimal() and 1 <= int(version) <= 999_999):  # noqa: PLR2004 - six digits
        query.wrong("version", "must be the number of a version")
    query.check()
    return int(version) if version else None


def _summary(info: TemplateInfo) -> dict[str, Any]:
    path = f"{PREFIX}/templates/{info.name}"
    return {
        "name": info.name,
        "origin": info.origin,
        "version": info.version,
        "versions": [
            VersionDocument(number, timestamp(round(put_at * 1000)))
            for number, put_at in info.versions.items()
        ],
        "links": {"self": path, "preview": f"{path}/preview"},
    }


def _document(info: TemplateInfo, files: TemplateFiles) -> TemplateDocument:
    return TemplateDocument(
        **_summary(info),
        files={name: len(content) for name, content in files.files.items()},
        source=source_of(files),
        schema=schema_of(files),
        sample=files.sample(),
    )
