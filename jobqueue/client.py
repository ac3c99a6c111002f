"""Talk to a jobqueue service over HTTP.

    async with Client("http://127.0.0.1:8080") as client:
        job = await client.submit("thumbnail", {"file": "a.png"})
        job = await client.wait(job["id"], timeout=60)

What the service refuses is raised as the same exception that the service raised
(`jobqueue.errors`), with its message, code and field errors. A call is repeated only
when that cannot do its work twice: reads, and whatever never left this machine.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NotRequired, Self, TypedDict, cast

import aiohttp
import msgspec

from jobqueue.errors import (
    FieldError,
    InvalidRequest,
    JobqueueError,
    ServerUnreachable,
    SettingsError,
    Unavailable,
    UnexpectedAnswer,
)
from jobqueue.model import State

DEFAULT_URL = "http://127.0.0.1:8080"
REQUEST_TIMEOUT = 30.0
"""Seconds for one call, as long as a load balancer commonly gives it."""
RETRY_DELAYS = (0.1, 0.4)
"""Pauses before a call is repeated: short, because a person may be waiting."""
PATIENCE = 15.0
"""Seconds for which `wait` goes on asking a service that does not answer: a restart takes less."""
FIRST_POLL, LAST_POLL = 0.25, 1.0
"""Seconds between two looks at a job: short jobs are seen soon, long ones cost little."""
CHUNK = 256 * 1024
"""Bytes of a document that are held in memory at once."""


class ProgressDocument(TypedDict):
    """How far a running job is."""

    percent: float
    message: str | None
    updated_at: str


class FailureDocument(TypedDict):
    """Why the last failed attempt failed."""

    code: str
    message: str
    attempt: int


class JobDocument(TypedDict):
    """A job as the service shows it; times are RFC 3339 in UTC."""

    id: str
    type: str
    queue: str
    state: str
    priority: str
    tags: list[str]
    attempt: int
    max_attempts: int
    deliveries: int
    progress: ProgressDocument | None
    error: FailureDocument | None
    reason: str | None
    worker_id: str | None
    created_at: str
    run_at: str | None
    started_at: str | None
    finished_at: str | None
    links: dict[str, str]
    result: NotRequired[Any]
    payload: NotRequired[Any]


class AcceptedDocument(TypedDict):
    """What a bulk submit answers for each job."""

    id: str
    state: str


class JobList(TypedDict):
    """A part of a listing; `cursor` is None at its end."""

    jobs: list[JobDocument]
    cursor: str | None


class Client:
    """A service, as its users see it.

    Args:
        url: where the service listens, `http://` or `https://`, with any path prefix.
        token: what `http.token` is set to there.
        timeout: seconds for one call; downloads may take longer as long as they flow.
    """

    def __init__(
        self, url: str = DEFAULT_URL, token: str | None = None, *, timeout: float = REQUEST_TIMEOUT
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise SettingsError(f"{url!r} is not the address of a service: use http://host:port")
        self.url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._download_timeout = aiohttp.ClientTimeout(total=None, sock_read=timeout)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=self._timeout)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._session:
            await self._session.close()

    async def submit(self, type: str, payload: Any, **options: Any) -> JobDocument:  # noqa: A002 - the field's name
        """Submit one job; gives its document.

        Args:
            type: name of the job type.
            payload: what JSON can hold.
            options: further fields of the submit, e.g. `priority="high"`, `delay=5`.
        """
        body = {"type": type, "payload": payload, **options}
        return cast("JobDocument", await self._call("POST", "/jobs", body))

    async def submit_many(self, jobs: Sequence[Mapping[str, Any]]) -> list[AcceptedDocument]:
        """Submit all of `jobs` (each as the body of a submit) or none; gives ids in their order."""
        answer = await self._call("POST", "/jobs/bulk", list(jobs))
        return cast("list[AcceptedDocument]", answer["jobs"])

    async def get(self, job_id: str, *, include: Iterable[str] = ("result",)) -> JobDocument:
        """The job's document; `include` may name `payload`, `result`, `traceback`."""
        params = {"include": ",".join(include)}
        return cast("JobDocument", await self._call("GET", f"/jobs/{job_id}", params=params))

    async def list_jobs(
        self,
        *,
        state: str | None = None,
        type: str | None = None,  # noqa: A002 - the field's name
        queue: str | None = None,
        tag: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> JobList:
        """One page of jobs; pass its `cursor` again for the next."""
        filters = {"state": state, "type": type, "queue": queue, "tag": tag}
        params = {**filters, "limit": limit, "cursor": cursor}
        return cast("JobList", await self._call("GET", "/jobs", params=params))

    async def cancel(self, job_id: str) -> JobDocument:
        """Cancel a job; a running one ends within a second. Raises AlreadyFinished."""
        return cast("JobDocument", await self._call("DELETE", f"/jobs/{job_id}"))

    async def retry(self, job_id: str) -> JobDocument:
        """Run a dead or cancelled job again under its id. Raises NotRetryable."""
        return cast("JobDocument", await self._call("POST", f"/jobs/{job_id}/retry"))

    async def stats(self) -> dict[str, Any]:
        """Jobs by state, in all and by queue."""
        return cast("dict[str, Any]", await self._call("GET", "/stats"))

    async def workers(self) -> list[dict[str, Any]]:
        """Every worker that beat lately, and what it runs."""
        return cast("list[dict[str, Any]]", (await self._call("GET", "/workers"))["workers"])

    async def queues(self) -> list[dict[str, Any]]:
        """Every queue ever used, with its jobs by state."""
        return cast("list[dict[str, Any]]", (await self._call("GET", "/queues"))["queues"])

    async def download(self, job_id: str, destination: Path | BinaryIO) -> int:
        """Stream a job's document to a file; gives its bytes.

        Args:
            job_id: a completed job that made a document.
            destination: a binary file object; or a path, where the file appears only when complete.
        """
        if not isinstance(destination, Path):
            return await self._stream(job_id, destination)
        with _whole_file(destination) as file:
            return await self._stream(job_id, file)

    async def wait(
        self,
        job_id: str,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the message names the job's state
        on_update: Callable[[JobDocument], None] | None = None,
    ) -> JobDocument:
        """Wait until the job is completed, dead or cancelled; gives its document with the result.

        Args:
            job_id: the job.
            timeout: seconds to wait at most; None: as long as it takes.
            on_update: called with every document that was read.

        Raises:
            TimeoutError: the job had not ended in time; it goes on.
        """
        job: JobDocument | None = None
        pause = FIRST_POLL
        try:
            async with asyncio.timeout(timeout):
                while True:
                    job = await self._get_patiently(job_id)
                    if on_update:
                        on_update(job)
                    if State(job["state"]).is_final:
                        return job
                    await asyncio.sleep(pause)
                    pause = min(pause * 1.2, LAST_POLL)
        except TimeoutError:
            state = f"is still {job['state']}" if job else "could not be read"
            raise TimeoutError(f"{job_id} {state} after {timeout:g} s; it goes on") from None

    async def _get_patiently(self, job_id: str) -> JobDocument:
        """The job's document, over a short absence of the service."""
        clock = asyncio.get_running_loop().time
        give_up = clock() + PATIENCE
        while True:
            try:
                return await self.get(job_id)
            except (ServerUnreachable, Unavailable):
                if clock() > give_up:
                    raise
            await asyncio.sleep(LAST_POLL)

    async def _call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        params: Mapping[str, str | int | None] | None = None,
    ) -> Any:
        """Send a request and decode its answer, repeating it where that is safe."""
        for delay in RETRY_DELAYS:
            try:
                return await self._call_once(method, path, body, params)
            except (ServerUnreachable, Unavailable) as error:
                if not _may_repeat(method, error.__cause__):
                    raise
            await asyncio.sleep(delay)
        return await self._call_once(method, path, body, params)

    async def _call_once(
        self, method: str, path: str, body: object, params: Mapping[str, str | int | None] | None
    ) -> Any:
        async with self._open(method, path, body, params) as response:
            return _decode(await response.read(), self.url)

    @asynccontextmanager
    async def _open(
        self,
        method: str,
        path: str,
        body: object = None,
        params: Mapping[str, str | int | None] | None = None,
        *,
        timeout: aiohttp.ClientTimeout | None = None,  # noqa: ASYNC109 - aiohttp's own
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer of the service that is not an error, body unread."""
        if self._session is None:
            raise RuntimeError("use the client in `async with Client(...) as client:`")
        request = self._session.request(
            method,
            f"{self.url}/api/v1{path}",
            data=None if body is None else msgspec.json.encode(body),
            headers={} if body is None else {"Content-Type": "application/json"},
            params={key: value for key, value in (params or {}).items() if value is not None},
            timeout=timeout or self._timeout,
        )
        with self._reaching():
            async with request as response:
                if response.status >= 400:  # noqa: PLR2004 - where HTTP's errors begin
                    raise _refusal(response, await response.read(), self.url)
                yield response

    async def _stream(self, job_id: str, file: BinaryIO) -> int:
        size = 0
        async with self._open("GET", f"/reports/{job_id}", timeout=self._download_timeout) as body:
            async for chunk in body.content.iter_chunked(CHUNK):
                file.write(chunk)
                size += len(chunk)
        return size

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """Turn what the network does to us into one exception that says what to do."""
        try:
            yield
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ServerUnreachable(
                f"cannot reach the service at {self.url} ({_why(error)}): start it with "
                "`jobqueue serve`, or set JOBQUEUE_URL to where it runs"
            ) from error


def _may_repeat(method: str, cause: BaseException | None) -> bool:
    """Whether a call that failed can be sent again without doing its work twice."""
    if isinstance(cause, TimeoutError):
        return False  # safe for reads, but the caller has waited long enough
    return method == "GET" or isinstance(cause, aiohttp.ClientConnectorError)


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


@contextmanager
def _whole_file(path: Path) -> Iterator[BinaryIO]:
    """A new file beside `path` that takes its place when all went well."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with partial.open("wb") as file:
            yield file
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
