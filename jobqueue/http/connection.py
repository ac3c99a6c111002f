"""Connections: what is not HTTP gets a problem document too, and no traceback in the log."""

from typing import Any

import structlog
from aiohttp import web
from typing_extensions import override

from jobqueue.errors import MalformedRequest
from jobqueue.http.headers import add_headers, request_id_of
from jobqueue.http.problems import problem_response

log = structlog.get_logger(__name__)


class Connection(web.RequestHandler):
    """One client's connection."""

    __slots__ = ()

    @override
    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if isinstance(exc, ConnectionError):
            raise exc  # cut on purpose, or by the client: the connection ends without an answer
        if status != MalformedRequest.status:
            return super().handle_error(request, status, exc, message)
        request_id = request_id_of(request)
        log.info("request_is_not_http", request_id=request_id, client=request.remote)
        response = problem_response(
            MalformedRequest("the request is not HTTP as it should be"), request_id
        )
        add_headers(response, request_id)
        response.force_close()
        return response

    @override
    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log what went wrong here, not that a body which was refused cannot be read to its end."""
        if not isinstance(kw.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **kw)
