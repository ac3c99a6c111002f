"""Web pages of other origins: which may call, and how their browsers are told (the Fetch standard).

No cookie and no other standing login is ever looked at, so a page can do no more than the token
that it was given.
"""

from collections.abc import Collection

from aiohttp import web

ALLOWED_HEADERS = ", ".join(
    (
        *("Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "Last-Event-ID"),
        *("Range", "X-Request-Id"),
    )
)
"""What a page may send beside what every page may."""

EXPOSED_HEADERS = (
    "Content-Disposition, ETag, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id"
)
"""What a page may read of an answer beside what every page may."""

MAX_AGE = "600"
"""Seconds for which a browser need not ask again: so long a change of the settings takes."""


class Cors:
    """Answers browsers that ask for a page.

    Args:
        origins: of the pages that may call.
    """

    def __init__(self, origins: Collection[str]) -> None:
        self._origins = frozenset(origins)

    def preflight(self, request: web.Request) -> web.Response | None:
        """The answer to a browser that asks before it sends; None: it does not, or may not."""
        asks = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        problem = request.match_info.http_exception
        if (
            not asks
            or not self._allows(request)
            or not isinstance(problem, web.HTTPMethodNotAllowed)
        ):
            return None
        headers = {
            "Access-Control-Allow-Methods": ", ".join(sorted(problem.allowed_methods)),
            "Access-Control-Allow-Headers": ALLOWED_HEADERS,
            "Access-Control-Max-Age": MAX_AGE,
        }
        return web.Response(status=204, headers=headers)

    async def allow(self, request: web.Request, response: web.StreamResponse) -> None:
        """Let the page that asked read the answer; aiohttp calls it before an answer leaves."""
        response.headers.add("Vary", "Origin")
        if self._allows(request):
            response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
            response.headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS

    def _allows(self, request: web.Request) -> bool:
        return request.headers.get("Origin") in self._origins
