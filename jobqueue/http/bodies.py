"""Reading what clients send: of the right kind, not too large, whole."""

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, PayloadEncodingError

from jobqueue.errors import MalformedBody, PayloadTooLarge
from jobqueue.request_errors import UnsupportedMediaType

ENVELOPE = 64 * 1024
"""Bytes that a submit may have beside its payload: options, tags, metadata."""

JSON = ("application/json",)
LINES = ("application/x-ndjson", "application/jsonl", "application/x-jsonlines")


def media_type(request: web.Request, accepted: tuple[str, ...]) -> str:
    """The media type of the body.

    A missing type is refused too: browsers send a body without one to any site, without
    asking that site first.

    Raises:
        UnsupportedMediaType: it is none of `accepted`.
    """
    given = request.content_type if "Content-Type" in request.headers else "no Content-Type"
    charset = request.charset
    if given not in accepted or (charset is not None and charset.lower() != "utf-8"):
        raise UnsupportedMediaType(
            f"the body is {given}{f' in {charset}' if charset else ''}: "
            f"send it as {' or '.join(accepted)} in UTF-8"
        )
    return given


async def read_body(request: web.Request, limit: int) -> bytes:
    """The body.

    Raises:
        PayloadTooLarge: it has more than `limit` bytes, or than `http.max_body`.
        MalformedBody: it is not what its headers say.
    """
    limit = min(limit, request.client_max_size)
    length = request.content_length
    if length is not None and length > limit:
        raise PayloadTooLarge(f"the body has {length} bytes, at most {limit} are accepted here")
    if length is None or "Content-Encoding" in request.headers:
        request = request.clone(client_max_size=limit)  # its size shows only as it arrives
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise PayloadTooLarge(
            f"the body has more than the {limit} bytes that are accepted here"
        ) from None
    except (web.RequestPayloadError, HttpProcessingError, PayloadEncodingError) as error:
        reason = " ".join(str(error).split())
        raise MalformedBody(f"the body cannot be read: {reason}") from None
    return body


async def read_json(request: web.Request, limit: int) -> bytes:
    """The body of a request that must be JSON; see `media_type` and `read_body`."""
    media_type(request, JSON)
    return await read_body(request, limit)
