"""JSON answers."""

from collections.abc import Mapping

import msgspec
from aiohttp import web

_encode = msgspec.json.Encoder().encode
_NO_HEADERS: Mapping[str, str] = {}


def json_response(
    document: object, *, status: int = 200, headers: Mapping[str, str] = _NO_HEADERS
) -> web.Response:
    """`document` (whatever msgspec can write) as JSON."""
    return web.Response(
        status=status,
        body=_encode(document),
        headers={"Content-Type": "application/json", **headers},
    )
