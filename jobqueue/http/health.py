"""`/healthz` and `/readyz`: for load balancers and whoever restarts processes."""

from collections.abc import Sequence

import msgspec
from aiohttp import web

from jobqueue.health import Check
from jobqueue.http.answers import json_response
from jobqueue.http.state import HEALTH


class HealthDocument(msgspec.Struct):
    """The checks of a process: `ok`, `warning` (works, but look at it) or `failing`."""

    status: str
    checks: Sequence[Check]


async def healthz(request: web.Request) -> web.Response:
    """Whether the process works at all; replace it when not."""
    return _answer(request.app[HEALTH].live())


async def readyz(request: web.Request) -> web.Response:
    """Whether the process can do its work now; send it none when not."""
    return _answer(await request.app[HEALTH].ready())


def _answer(checks: Sequence[Check]) -> web.Response:
    failing = any(check.required and not check.ok for check in checks)
    warning = any(not check.ok for check in checks)
    status = "failing" if failing else "warning" if warning else "ok"
    return json_response(HealthDocument(status, checks), status=503 if failing else 200)
