"""Bundles: upload the files of a document before the job that prints them."""

import io
import zipfile

import msgspec
from aiohttp import BodyPartReader, web

from jobqueue.errors import FieldError, InvalidRequest, MalformedBody, PayloadTooLarge
from jobqueue.http.answers import json_response
from jobqueue.http.bodies import media_type, read_body
from jobqueue.http.queries import no_query
from jobqueue.http.state import operations_of
from jobqueue.jobs.bundle import MAX_FILES
from jobqueue.jobs.bundle_uploads import MAX_ARCHIVE

ARCHIVES = ("application/zip", "application/x-tar", "application/gzip", "application/x-gzip")
FORM = "multipart/form-data"


class BundleDocument(msgspec.Struct):
    """An uploaded bundle: what a job names it by, and what is in it."""

    key: str
    files: int
    bytes: int


async def upload(request: web.Request) -> web.Response:
    """Store a bundle: an archive as the body, or a form with a part for each file."""
    no_query(request)
    kind = media_type(request, (*ARCHIVES, FORM))
    if kind == FORM:
        content = await _read_form(request)
    else:
        content = await read_body(request, MAX_ARCHIVE)
    stored, files = await operations_of(request).keep_bundle(content)
    return json_response(BundleDocument(stored.key, files, stored.size), status=201)


async def _read_form(request: web.Request) -> bytes:
    """The files of a form as an archive; the file name of each part is its path."""
    archive = io.BytesIO()
    room = min(MAX_ARCHIVE, request.client_max_size)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        try:
            async for part in await request.multipart():
                if not isinstance(part, BodyPartReader) or part.filename is None:
                    raise InvalidRequest(
                        "every part of the form must be a file",
                        (FieldError("", "a part has no file name"),),
                    )
                content = await _read_part(part, room)
                room -= len(content)
                packed.writestr(zipfile.ZipInfo(part.filename), content)
                if len(packed.infolist()) > MAX_FILES:
                    raise PayloadTooLarge(f"the form has more than {MAX_FILES} files")
        except (ValueError, AssertionError, web.RequestPayloadError) as error:
            raise MalformedBody(f"the form cannot be read: {error}") from None
    return archive.getvalue()


async def _read_part(part: BodyPartReader, room: int) -> bytes:
    content = bytearray()
    while chunk := await part.read_chunk():
        content += chunk
        if len(content) > room:
            raise PayloadTooLarge(f"the form has more than {MAX_ARCHIVE} bytes")
    return bytes(content)
