"""One HTTP call to the service: sent, repeated where that is safe, and its refusals raised.

What the service refuses is raised as the same exception that the service raised
(`jobqueue.errors`), with its message, code and field errors.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any

import aiohttp
import msgspec

from jobqueue import access_errors, conflicts, request_errors  # noqa: F401 - for their codes
from jobqueue.errors import (
    FieldError,
    InvalidRequest,
    JobqueueError,
    ServerUnreachable,
    SettingsError,
    Unavailable,
    UnexpectedAnswer,
)

REQUEST_TIMEOUT = 30.0
"""Seconds for one call, as long as a load balancer commonly gives it."""
RETRY_DELAYS = (0.1, 0.4)
"""Pauses before a call is repeated: short, because a person may be waiting."""

NO_CONTENT = 204

Parameters = Mapping[str, str | int | None]
NO_PARAMETERS: Parameters = {}
NO_HEADERS: Mapping[str, str] = {}


class Transport:
    """Connections to one service.

    Args:
        url: where the service listens, `http://` or `https://`, with any path prefix.
        token: sent as bearer token with every call.
        timeout: seconds for one call.
    """

    def __init__(self, url: str, token: str | None, *, timeout: float) -> None:
        if not url.startswith(("http://", "https://")):
            raise SettingsError(f"{url!r} is not the address of a service: use http://host:port")
        self.url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._flowing = aiohttp.ClientTimeout(total=None, sock_read=timeout)
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Get ready to connect; nothing is sent."""
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=self._timeout)

    async def close(self) -> None:
        """Close all connections."""
        if self._session:
            await self._session.close()

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        params: Parameters = NO_PARAMETERS,
        key: str | None = None,
    ) -> Any:
        """Send a request and decode its answer, repeating it where that is safe.

        Args:
            method: of HTTP.
            path: below the API's prefix.
            body: what JSON can hold.
            params: of the query.
            key: idempotency key, with which the service does the request's work once only.
        """
        for delay in RETRY_DELAYS:
            try:
                return await self._call_once(method, path, body, params, key)
            except (ServerUnreachable, Unavailable) as error:
                if not _may_repeat(method, key, error.__cause__):
                    raise
            await asyncio.sleep(delay)
        return await self._call_once(method, path, body, params, key)

    async def _call_once(
        self, method: str, path: str, body: object, params: Parameters, key: str | None
    ) -> Any:
        headers = {} if key is None else {"Idempotency-Key": key}
        async with self.open(method, path, body, params=params, headers=headers) as response:
            answer = await response.read()
            return None if response.status == NO_CONTENT else _decode(answer, self.url)

    def flow(
        self, path: str, headers: Mapping[str, str]
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """The answer to a GET, which may last as long as its bytes flow."""
        return self.open("GET", path, headers=headers, timeout=self._flowing)

    @asynccontextmanager
    async def open(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        params: Parameters = NO_PARAMETERS,
        headers: Mapping[str, str] = NO_HEADERS,
        timeout: aiohttp.ClientTimeout | None = None,  # noqa: ASYNC109 - aiohttp's own
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer of the service that is not an error, body unread."""
        if self._session is None:
            raise RuntimeError("use the client as `async with Client(...) as client:`")
        request = self._session.request(
            method,
            f"{self.url}/api/v1{path}",
            data=None if body is None else msgspec.json.encode(body),
            headers=headers if body is None else {"Content-Type": "application/json", **headers},
            params={key: value for key, value in params.items() if value is not None},
            timeout=timeout or self._timeout,
        )
        with _reaching(self.url):
            async with request as response:
                if response.status >= 400:  # noqa: PLR2004 - where HTTP's errors begin
                    raise _refusal(response, await response.read(), self.url)
                yield response


@contextmanager
def _reaching(url: str) -> Iterator[None]:
    """Turn what the network does to us into one exception that says what to do."""
    try:
        yield
    except (aiohttp.ClientError, TimeoutError) as error:
        raise ServerUnreachable(
            f"cannot reach the service at {url} ({_why(error)}): start it with "
            "`jobqueue serve`, or set JOBQUEUE_URL to where it runs"
        ) from error


def _may_repeat(method: str, key: str | None, cause: BaseException | None) -> bool:
    """Whether a call that failed can be sent again without doing its work twice."""
    if isinstance(cause, TimeoutError):
        return False  # safe for reads, but the caller has waited long enough
    return method == "GET" or key is not None or isinstance(cause, aiohttp.ClientConnectorError)


def _why(error: Exception) -> str:
    """The system's words for a connection error, without addresses and call names."""
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return os.strerror(number) if number and number > 0 else str(error) or type(error).__name__


def _decode(body: bytes, url: str) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        raise UnexpectedAnswer(
            f"{url} answers, but not as a jobqueue service: check JOBQUEUE_URL"
        ) from None


def _tree(kind: type[JobqueueError]) -> Iterator[type[JobqueueError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)


_BY_CODE = {kind.code: kind for kind in _tree(JobqueueError) if "code" in vars(kind)}


def _refusal(response: aiohttp.ClientResponse, body: bytes, url: str) -> JobqueueError:
    """The exception that the service raised, out of its `application/problem+json` answer."""
    if response.content_type != "application/problem+json":
        what = f"{url} answered {response.status} {response.reason}"
        if response.status >= 500:  # noqa: PLR2004 - a proxy whose service is away
            return Unavailable(f"{what}: try again in a moment")
        return UnexpectedAnswer(f"{what}, not as a jobqueue service does: check JOBQUEUE_URL")
    problem = _decode(body, url)
    message = problem.get("detail") or problem.get("title") or f"status {response.status}"
    kind = _BY_CODE.get(problem.get("code"))
    if kind is None:
        return UnexpectedAnswer(f"{url} refused with an unknown code: {message}")
    if issubclass(kind, InvalidRequest):
        return kind(message, msgspec.convert(problem.get("errors", ()), tuple[FieldError, ...]))
    return kind(message)
