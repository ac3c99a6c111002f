"""Headers of every answer."""

import os
import re
from itertools import count

from aiohttp import web

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "jobqueue",
}
"""Answers are data: no browser should run, frame, guess, or keep them."""

_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}").fullmatch

_process = os.urandom(6).hex()
_numbers = count(1)


def request_id_of(request: web.BaseRequest) -> str:
    """The client's own id for the request where it has a usable one, else a new one."""
    given = request.headers.get("X-Request-Id")
    if given is not None and _ACCEPTABLE_ID(given):
        return given
    return f"{_process}-{next(_numbers):x}"


def add_headers(response: web.StreamResponse, request_id: str) -> None:
    """Add what every answer carries; what the handler has set stays."""
    headers = response.headers
    for name, value in SECURITY_HEADERS.items():
        if name not in headers:
            headers[name] = value
    headers["X-Request-Id"] = request_id
