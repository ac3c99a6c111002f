"""Talk to a jobqueue service over HTTP.

    async with Client("http://127.0.0.1:8080") as client:
        job = await client.submit("thumbnail", {"file": "a.png"})
        job = await client.wait(job["id"], timeout=60)

What the service refuses is raised as the exception that the service itself raised. A call is
repeated only when that cannot do its work twice: reads, and what never left this machine.
"""

import asyncio
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

from jobqueue.access_errors import KeyNotFound
from jobqueue.client.documents import (
    AcceptedDocument,
    JobDocument,
    JobList,
    KeyDocument,
    SweptDocument,
)
from jobqueue.client.transport import REQUEST_TIMEOUT, Transport
from jobqueue.errors import JobNotFound, ServerUnreachable, Unavailable
from jobqueue.state import State

DEFAULT_URL = "http://127.0.0.1:8080"
PATIENCE = 15.0
"""Seconds for which `wait` goes on asking a service that does not answer: a restart takes less."""
FIRST_POLL, LAST_POLL = 0.25, 1.0
"""Seconds between two looks at a job: short jobs are seen soon, long ones cost little."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")


class Client:
    """A service, as its users see it.

    Args:
        url: where the service listens, `http://` or `https://`, with any path prefix.
        token: an API key, or what `http.token` is set to there.
        timeout: seconds for one call; downloads may take longer as long as they flow.
    """

    def __init__(
        self, url: str = DEFAULT_URL, token: str | None = None, *, timeout: float = REQUEST_TIMEOUT
    ) -> None:
        self._transport = Transport(url, token, timeout=timeout)
        self._call = self._transport.call

    async def __aenter__(self) -> Self:
        await self._transport.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._transport.close()

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

    async def get(self, job_id: str, *, include: Iterable[str] = ()) -> JobDocument:
        """The job's document, with its result.

        Args:
            job_id: the job.
            include: what else to show: `payload`, `traceback`, `metadata`.
        """
        params = {"include": ",".join(include) or None}
        return cast(
            "JobDocument", await self._call("GET", f"/jobs/{_segment(job_id)}", params=params)
        )

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
        return cast("JobDocument", await self._call("DELETE", f"/jobs/{_segment(job_id)}"))

    async def retry(self, job_id: str) -> JobDocument:
        """Run a dead or cancelled job again under its id. Raises NotRetryable."""
        return cast("JobDocument", await self._call("POST", f"/jobs/{_segment(job_id)}/retry"))

    async def dead(
        self, *, limit: int | None = None, cursor: str | None = None, **wanted: Any
    ) -> JobList:
        """One page of dead jobs, newest first.

        Args:
            limit: jobs of the page.
            cursor: that of the page before.
            wanted: which ones: `queue`, `type`, `reason`, `tag`, `tenant`, `older_than` (seconds).
        """
        params = {**wanted, "limit": limit, "cursor": cursor}
        return cast("JobList", await self._call("GET", "/dead", params=params))

    async def replay_dead(
        self, *, dry_run: bool = False, cursor: str | None = None, **wanted: Any
    ) -> SweptDocument:
        """Queue dead jobs again, all or those that are `wanted`, see `dead`.

        One call works for some seconds; where it has `more` to do, call again with its cursor.
        """
        body = {"filter": wanted, "dry_run": dry_run, "cursor": cursor}
        return cast("SweptDocument", await self._call("POST", "/dead/replay", body))

    async def purge_dead(
        self, *, dry_run: bool = False, cursor: str | None = None, **wanted: Any
    ) -> SweptDocument:
        """Forget dead jobs, see `replay_dead`."""
        params = {**wanted, "dry_run": "true" if dry_run else None, "cursor": cursor}
        return cast("SweptDocument", await self._call("DELETE", "/dead", params=params))

    async def stats(self) -> dict[str, Any]:
        """Jobs by state, in all and by queue."""
        return cast("dict[str, Any]", await self._call("GET", "/stats"))

    async def workers(self) -> list[dict[str, Any]]:
        """Every worker that beat lately, and what it runs."""
        return cast("list[dict[str, Any]]", (await self._call("GET", "/workers"))["workers"])

    async def queues(self) -> list[dict[str, Any]]:
        """Every queue ever used, with its jobs by state."""
        return cast("list[dict[str, Any]]", (await self._call("GET", "/queues"))["queues"])

    async def create_key(self, name: str, scopes: Iterable[str], **options: Any) -> KeyDocument:
        """Create an API key; its secret, `key`, is in this answer only.

        Args:
            name: for people.
            scopes: some of `submit`, `read`, `operate`, `admin`.
            options: `tenant`, to which it is confined, `expires_in` seconds, `rate`, e.g. `100/60`,
                requests in so many seconds, and `max_body`, the largest one in bytes.
        """
        body = {"name": name, "scopes": [*scopes], **options}
        return cast("KeyDocument", await self._call("POST", "/keys", body))

    async def keys(self) -> list[KeyDocument]:
        """Every API key, oldest first."""
        return cast("list[KeyDocument]", (await self._call("GET", "/keys"))["keys"])

    async def revoke_key(self, key_id: str) -> None:
        """Let a key open nothing any more. Raises KeyNotFound."""
        if not _ID.fullmatch(key_id):
            raise KeyNotFound(f"there is no key {key_id!r}")
        await self._call("DELETE", f"/keys/{key_id}")

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

    async def _stream(self, job_id: str, file: BinaryIO) -> int:
        size = 0
        async with aclosing(self._transport.chunks(f"/reports/{_segment(job_id)}")) as chunks:
            async for chunk in chunks:
                file.write(chunk)
                size += len(chunk)
        return size


def _segment(job_id: str) -> str:
    """`job_id` as a part of a path, where other characters would lead to another route."""
    if not _ID.fullmatch(job_id):
        raise JobNotFound(f"there is no job {job_id!r}")
    return job_id


@contextmanager
def _whole_file(path: Path) -> Iterator[BinaryIO]:
    """A new file beside `path` that takes its place when all went well.

    A device or pipe is written to; through a link the file that it names is replaced.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    path = path.resolve()
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with partial.open("wb") as file:
            yield file
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
