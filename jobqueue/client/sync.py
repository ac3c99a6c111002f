"""The client for programs without an event loop."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeVar, overload

from jobqueue.client.client import DEFAULT_URL, Client
from jobqueue.client.documents import AcceptedDocument, JobDocument, JobList
from jobqueue.client.transport import REQUEST_TIMEOUT

Result = TypeVar("Result")


class SyncClient:
    """A service, as `Client` has it, with calls that block.

        with SyncClient("http://127.0.0.1:8080") as client:
            job = client.submit("thumbnail", {"file": "a.png"})
            print(client.result(job["id"], timeout=60))

    It is a `Client` in a thread with a loop of its own, and may be used from several threads.

    Args:
        url: where the service listens.
        token: what `http.token` is set to there.
        timeout: seconds for one call.
    """

    def __init__(
        self, url: str = DEFAULT_URL, token: str | None = None, *, timeout: float = REQUEST_TIMEOUT
    ) -> None:
        self._client = Client(url, token, timeout=timeout)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        loop = self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=loop.run_forever, name="jobqueue", daemon=True)
        self._thread.start()
        self._run(self._client.__aenter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._run(self._client.__aexit__(kind, error, traceback))
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
        self._loop = self._thread = None

    def submit(self, type: str, payload: Any, **options: Any) -> JobDocument:  # noqa: A002 - the field's name
        """Submit one job; see `Client.submit`."""
        return self._run(self._client.submit(type, payload, **options))

    def submit_many(self, jobs: Sequence[Mapping[str, Any]]) -> list[AcceptedDocument]:
        """Submit all jobs or none; see `Client.submit_many`."""
        return self._run(self._client.submit_many(jobs))

    def get(self, job_id: str, *, include: Iterable[str] = ()) -> JobDocument:
        """The job's document; see `Client.get`."""
        return self._run(self._client.get(job_id, include=include))

    def list_jobs(self, **filters: Any) -> JobList:
        """One page of jobs; see `Client.list_jobs`."""
        return self._run(self._client.list_jobs(**filters))

    def cancel(self, job_id: str) -> JobDocument:
        """Cancel a job; see `Client.cancel`."""
        return self._run(self._client.cancel(job_id))

    def retry(self, job_id: str) -> JobDocument:
        """Run a job again; see `Client.retry`."""
        return self._run(self._client.retry(job_id))

    def wait(
        self,
        job_id: str,
        *,
        timeout: float | None = None,
        on_update: Callable[[JobDocument], None] | None = None,
    ) -> JobDocument:
        """Wait until the job has ended; see `Client.wait`."""
        return self._run(self._client.wait(job_id, timeout=timeout, on_update=on_update))

    @overload
    def result(self, job_id: str, *, timeout: float | None = None) -> Any: ...
    @overload
    def result(
        self, job_id: str, kind: type[Result], *, timeout: float | None = None
    ) -> Result: ...
    def result(self, job_id: str, kind: Any = Any, *, timeout: float | None = None) -> Any:
        """Wait until the job has ended; its result: see `Client.result`."""
        return self._run(self._client.result(job_id, kind, timeout=timeout))

    def events(self, job_id: str) -> Iterator[JobDocument]:
        """The job's document after each change; see `Client.events`."""
        events = self._client.events(job_id)
        try:
            while (job := self._run(_next(events))) is not None:
                yield job
        finally:
            self._run(events.aclose())

    def download(
        self, job_id: str, destination: Path | BinaryIO, *, sha256: str | None = None
    ) -> int:
        """Stream a job's document to a file; see `Client.download`."""
        return self._run(self._client.download(job_id, destination, sha256=sha256))

    def _run(self, call: Coroutine[Any, Any, Result]) -> Result:
        """What a call gives; whoever interrupts the wait for it, by Ctrl-C say, cancels it."""
        if self._loop is None:
            call.close()
            raise RuntimeError("use the client as `with SyncClient(...) as client:`")
        future = asyncio.run_coroutine_threadsafe(call, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise


async def _next(events: Any) -> JobDocument | None:
    with contextlib.suppress(StopAsyncIteration):
        job: JobDocument = await anext(events)
        return job
    return None
