"""Around every request: its id, the gate, errors as problems, headers, the audit log, metrics."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import structlog
from aiohttp import ClientConnectionResetError, web

from jobqueue.errors import JobqueueError
from jobqueue.http.auditing import put_down
from jobqueue.http.call import Call
from jobqueue.http.cors import Cors
from jobqueue.http.gate import Gate
from jobqueue.http.headers import add_headers, request_id_of
from jobqueue.http.problems import problem_response
from jobqueue.http.state import CALL, REQUEST_ID
from jobqueue.metrics import HTTP_REQUEST
from jobqueue.request_errors import MethodNotAllowed, RouteNotFound

if TYPE_CHECKING:
    from aiohttp.typedefs import Middleware
    from prometheus_client import Histogram

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

UNMATCHED = "unmatched"
"""Route label of requests for paths that there are not."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Method labels; clients may invent others, which share `OTHER`."""

OUTAGE_LOG_INTERVAL = 5.0
"""Seconds between two log lines about the same outage, which may last long under much load."""

log = structlog.get_logger(__name__)


class Front:
    """What every request passes, and how many are inside.

    Attributes:
        in_flight: requests that are not answered yet.

    Args:
        gate: lets requests through to their handlers.
        cors: answers browsers that ask for pages; None: no page may call.
    """

    def __init__(self, gate: Gate, cors: Cors | None) -> None:
        self.in_flight = 0
        self._closing = False
        self._idle = asyncio.Event()
        self._gate = gate
        self._cors = cors
        self._logged_at: dict[str, float] = {}
        self._timers: dict[tuple[str, str, int], Histogram] = {}

    async def drain(self, grace: float) -> None:
        """Let each connection end after its next answer; wait until none is owed.

        Args:
            grace: seconds to wait at most.
        """
        self._closing = True
        if self.in_flight:
            try:
                async with asyncio.timeout(grace):
                    await self._idle.wait()
            except TimeoutError:
                log.warning("requests_cut_off", requests=self.in_flight)

    def middleware(self) -> "Middleware":
        """What aiohttp calls with each request."""

        @web.middleware
        async def serve(request: web.Request, handler: Handler) -> web.StreamResponse:
            started = time.perf_counter()
            request[REQUEST_ID] = request_id_of(request)
            request[CALL] = call = Call()
            self.in_flight += 1
            try:
                response = await self._answer(request, handler)
            finally:
                self.in_flight -= 1
                if self._closing and self.in_flight == 0:
                    self._idle.set()
            if not response.prepared:
                add_headers(response, request[REQUEST_ID])
                if call.quota is not None:
                    response.headers.update(call.quota.headers())
                if self._closing:
                    response.force_close()
            self._observe(request, response.status, time.perf_counter() - started)
            return response

        return serve

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self._cors is not None and (preflight := self._cors.preflight(request)) is not None:
            return preflight
        response = await self._handle(request, handler)
        if request[CALL].audited:
            await put_down(request, response)
        return response

    async def _handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(await self._gate.admit(request))
        except JobqueueError as error:
            return self._refusal(request, error)
        except web.HTTPException as error:
            return self._refusal_of_aiohttp(request, error)
        except ClientConnectionResetError:
            raise  # the client is gone: nobody to answer, nothing to log
        except Exception as error:  # noqa: BLE001 - it is logged, and the others are served on
            return _surprise(request, error)

    def _refusal(self, request: web.Request, error: JobqueueError) -> web.Response:
        request[CALL].problem = error.code
        if error.status == JobqueueError.status:
            return _surprise(request, error)
        _abort_if_begun(request, error)
        if error.status > JobqueueError.status:
            self._log_outage(request, error)
        return problem_response(error, request[REQUEST_ID])

    def _refusal_of_aiohttp(self, request: web.Request, error: web.HTTPException) -> web.Response:
        match error:
            case web.HTTPNotFound():
                return self._refusal(request, RouteNotFound(f"there is no route {request.path}"))
            case web.HTTPMethodNotAllowed():
                allowed = ", ".join(sorted(error.allowed_methods))
                message = f"{request.method} is not possible on {request.path}, but {allowed}"
                response = self._refusal(request, MethodNotAllowed(message))
                response.headers["Allow"] = allowed
                return response
            case _:
                raise error

    def _log_outage(self, request: web.Request, error: JobqueueError) -> None:
        """Log that a server behind this one is away: once in a while, not for every request."""
        now = time.monotonic()
        if now - self._logged_at.get(error.code, -OUTAGE_LOG_INTERVAL) >= OUTAGE_LOG_INTERVAL:
            self._logged_at[error.code] = now
            log.warning("requests_refused", code=error.code, reason=str(error), path=request.path)

    def _observe(self, request: web.Request, status: int, seconds: float) -> None:
        method = request.method if request.method in METHODS else "OTHER"
        labels = (_pattern_of(request), method, status)
        timer = self._timers.get(labels)
        if timer is None:
            timer = self._timers[labels] = HTTP_REQUEST.labels(*labels)
        timer.observe(seconds)


def _pattern_of(request: web.Request) -> str:
    """The route as the table has it, never the path of the request."""
    resource = request.match_info.route.resource
    return UNMATCHED if resource is None else resource.canonical


def _surprise(request: web.Request, error: Exception) -> web.Response:
    """The answer to what nobody has thought of: the client gets no part of it."""
    request[CALL].problem = JobqueueError.code
    _abort_if_begun(request, error)
    request_id = request[REQUEST_ID]
    log.error("request_failed", request_id=request_id, path=request.path, exc_info=error)
    problem = JobqueueError("something went wrong here: the log has it under the request id")
    return problem_response(problem, request_id)


def _abort_if_begun(request: web.Request, error: Exception) -> None:
    """Cut an answer whose first bytes are out: the client must not take it for whole."""
    if request.writer.output_size:
        log.warning("answer_cut_short", request_id=request[REQUEST_ID], error=str(error))
        raise ConnectionResetError from error
