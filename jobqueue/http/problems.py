"""Errors as answers: RFC 9457 problem documents."""

import msgspec
from aiohttp import web

from jobqueue.access_errors import InvalidToken, MissingScope, TooManyRequests
from jobqueue.errors import (
    Backpressure,
    FieldError,
    InvalidRequest,
    JobqueueError,
    Unauthorized,
    Unavailable,
)

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:jobqueue:problem:"

RETRY_AFTER = "2"
"""Seconds after which a client may try again what a missing server refused: as long as a
restart of Redis takes."""


class Problem(msgspec.Struct, omit_defaults=True):
    """What is wrong with a request, for programs (`code`) and people (`detail`)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: tuple[FieldError, ...] = ()


_encode = msgspec.json.Encoder().encode


def problem_response(error: JobqueueError, request_id: str) -> web.Response:
    """The answer that says `error`."""
    problem = Problem(
        type=TYPE_PREFIX + error.code,
        title=error.code.replace("_", " ").capitalize(),
        status=error.status,
        detail=str(error),
        code=error.code,
        request_id=request_id,
        errors=error.errors if isinstance(error, InvalidRequest) else (),
    )
    headers = {"Content-Type": CONTENT_TYPE}
    if isinstance(error, Unavailable | Backpressure):
        headers["Retry-After"] = RETRY_AFTER
    if isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, Unauthorized | MissingScope):
        headers["WWW-Authenticate"] = _challenge(error)
    return web.Response(status=error.status, body=_encode(problem), headers=headers)


def _challenge(error: Unauthorized | MissingScope) -> str:
    """What the caller should come with (RFC 6750, section 3)."""
    challenge = 'Bearer realm="jobqueue"'
    if isinstance(error, MissingScope):
        return f'{challenge}, error="insufficient_scope", scope="{error.scope}"'
    if isinstance(error, InvalidToken):
        return f'{challenge}, error="invalid_token"'
    return challenge
