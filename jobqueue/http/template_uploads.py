"""The files of a template as clients send them: JSON, an archive, or a form."""

import asyncio
import base64
import binascii

import msgspec
from aiohttp import BodyPartReader, web

from jobqueue.app.decoding import Decoder
from jobqueue.errors import FieldError, InvalidRequest, MalformedBody, PayloadTooLarge
from jobqueue.http.bodies import JSON, media_type, read_body
from jobqueue.render.template_archive import unpack
from jobqueue.render.template_files import MAX_BYTES, MAX_FILES
from jobqueue.schema_errors import pointer

FORM = ("multipart/form-data",)
ARCHIVES = (
    *("application/zip", "application/x-zip-compressed", "application/x-tar", "application/gzip"),
    *("application/x-gzip", "application/x-gtar", "application/x-bzip2", "application/x-xz"),
)

MAX_UPLOAD = 2 * MAX_BYTES
"""Bytes of a body: pictures in JSON are a third larger than they are."""


class Encoded(msgspec.Struct, forbid_unknown_fields=True):
    """A file that is no text."""

    base64: str


class Upload(msgspec.Struct, forbid_unknown_fields=True):
    """A template in JSON: texts as they are, other files as `{"base64": "…"}`; JSON as objects."""

    files: dict[str, msgspec.Raw]


_decode = Decoder(Upload)


async def read_upload(request: web.Request) -> dict[str, bytes]:
    """The files in the body, by name; what they are is not looked at.

    Raises:
        UnsupportedMediaType: it is of another kind.
        PayloadTooLarge: it has more than a template can.
        InvalidRequest: it cannot be read; names every file.
    """
    kind = media_type(request, (*JSON, *ARCHIVES, *FORM))
    if kind in FORM:
        return await _read_form(request)
    body = await read_body(request, MAX_UPLOAD)
    return _read_json(body) if kind in JSON else await asyncio.to_thread(unpack, body)


def _read_json(body: bytes) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    errors: list[FieldError] = []
    for name, value in _decode(body).files.items():
        content = _content(name, value)
        if isinstance(content, bytes):
            files[name] = content
        else:
            errors.append(FieldError("/files" + pointer(name), content))
    if errors:
        raise InvalidRequest("the template has wrong files", tuple(errors))
    return files


def _content(name: str, value: msgspec.Raw) -> bytes | str:
    """The bytes of a file, or what is wrong with it."""
    raw = bytes(value)
    try:
        if raw.startswith(b'"'):
            return msgspec.json.decode(raw, type=str).encode()
        if name.endswith(".json"):
            return raw
        return base64.b64decode(msgspec.json.decode(raw, type=Encoded).base64, validate=True)
    except (msgspec.DecodeError, binascii.Error, UnicodeEncodeError):
        return 'must be a text, or {"base64": "…"}'


async def _read_form(request: web.Request) -> dict[str, bytes]:
    """Each part is a file: its name is that of the part, or of the file in it."""
    files: dict[str, bytes] = {}
    left = min(MAX_UPLOAD, request.client_max_size)
    try:
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader):
                raise MalformedBody("the form has a form in it")
            name = part.filename or part.name or ""
            content = bytearray()
            while chunk := await part.read_chunk():
                content += chunk
                if len(content) > left or len(files) > MAX_FILES:
                    raise PayloadTooLarge(f"a template may have {MAX_BYTES} bytes")
            left -= len(content)
            if name in files:
                raise InvalidRequest(
                    "the form is wrong", (FieldError(pointer(name), "is there twice"),)
                )
            files[name] = bytes(content)
    except (ValueError, AssertionError) as error:
        raise MalformedBody(f"the form cannot be read: {error}") from None
    if len(files) == 1 and not any(name.endswith(".html") for name in files):
        (content_of_one,) = files.values()
        return await asyncio.to_thread(unpack, content_of_one)
    return files
