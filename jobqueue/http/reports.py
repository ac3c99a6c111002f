"""Reports: submit one, and fetch its document."""

import re
from urllib.parse import quote

import msgspec
from aiohttp import web

from jobqueue.app.decoding import fields_of
from jobqueue.app.operations import DocumentInfo
from jobqueue.app.requests import JobRequest
from jobqueue.errors import StorageUnavailable
from jobqueue.http.bodies import ENVELOPE, read_json
from jobqueue.http.headers import add_headers
from jobqueue.http.queries import no_query
from jobqueue.http.state import REQUEST_ID, operations_of
from jobqueue.http.submitting import submit_one
from jobqueue.jobs.report_generation import NAME as REPORT_TYPE
from jobqueue.storage.base import Download

_OPEN_RANGE = re.compile(r"bytes=([0-9]{1,15})-")
"""The form in which clients ask for the rest of what they have a part of; any other gets all."""


async def generate(request: web.Request) -> web.Response:
    """Submit a report; the body is the payload, and may call its template `reportType`."""
    body = await read_json(request, operations_of(request).limits.payload + ENVELOPE)
    fields = fields_of(body)
    if "reportType" in fields and "template" not in fields:
        fields["template"] = fields.pop("reportType")
        body = msgspec.json.encode(fields)
    job = JobRequest(type=REPORT_TYPE, payload=msgspec.Raw(body))
    return await submit_one(request, job, payload_path="")


async def download(request: web.Request) -> web.StreamResponse:
    """The document of a report: its bytes, or where they are."""
    no_query(request)
    document = await operations_of(request).document(request.match_info["id"])
    if document.link is not None:
        # the link expires, so nobody may remember it
        return web.Response(
            status=302, headers={"Location": document.link, "Cache-Control": "no-store"}
        )
    return await stream_document(request, document)


async def stream_document(request: web.Request, document: DocumentInfo) -> web.StreamResponse:
    """Send a document's bytes, or those that a client lacks whose connection broke."""
    start = _wanted_from(request, document)
    async with operations_of(request).open_document(document, start=start) as download:
        size = download.info.size
        headers = {
            "Accept-Ranges": "bytes",
            "Content-Type": document.content_type,
            "Content-Length": str(size - start),
            "Content-Disposition": attachment(document.filename),
        }
        if document.sha256:
            headers["ETag"] = f'"{document.sha256}"'
        if start:
            headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
        response = web.StreamResponse(status=206 if start else 200, headers=headers)
        add_headers(response, request[REQUEST_ID])
        await response.prepare(request)
        if request.method != "HEAD":
            await _send(response, download, start)
    return response


def _wanted_from(request: web.Request, document: DocumentInfo) -> int:
    """The byte from which a `Range: bytes=N-` of this very document starts, else 0: all of it."""
    wanted = _OPEN_RANGE.fullmatch(request.headers.get("Range", ""))
    if wanted is None or request.headers.get("If-Range") != f'"{document.sha256}"':
        return 0
    start = int(wanted[1])
    return start if start < document.bytes else 0


async def _send(response: web.StreamResponse, download: Download, start: int) -> None:
    """Send the document from `start` on, or raise so that the connection breaks off."""
    sent = start
    async for chunk in download.chunks():
        await response.write(chunk)
        sent += len(chunk)
    if sent != download.info.size:
        raise StorageUnavailable(f"{download.info.key} ended after {sent} bytes")


def attachment(filename: str) -> str:
    """The Content-Disposition (RFC 6266) of a file to save under `filename`.

    Its plain form has the characters that every client reads alike, its extended form all.
    """
    plain = "".join(
        character if character.isascii() and character.isprintable() else "_"
        for character in filename
    ).translate({ord('"'): "_", ord("\\"): "_", ord("%"): "_"})
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
