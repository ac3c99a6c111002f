"""Talk to a jobqueue service over HTTP.

    async with Client("http://127.0.0.1:8080") as client:
        job = await client.submit("thumbnail", {"file": "a.png"})
        job = await client.wait(job["id"], timeout=60)

What the service refuses is raised as the exception that the service itself raised. A call is
repeated only when that cannot do its work twice: reads, submits, which have idempotency keys, and
what never left this machine.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeVar, cast, overload

from jobqueue.access_errors import KeyNotFound
from jobqueue.client.documents import (
    AcceptedDocument,
    JobDocument,
    JobList,
    KeyDocument,
    SweptDocument,
)
from jobqueue.client.downloads import Download, whole_file
from jobqueue.client.events import follow
from jobqueue.client.transport import REQUEST_TIMEOUT, Transport
from jobqueue.client.values import new_key, plain, read_result
from jobqueue.errors import JobNotFound

DEFAULT_URL = "http://127.0.0.1:8080"
Result = TypeVar("Result")

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
            payload: a pydantic model, a msgspec struct, or whatever JSON can hold.
            options: further fields of the submit, e.g. `priority="high"`, `delay=5`. It is given a
                `key` where there is none, so that it can be sent again when its answer is lost.
        """
        body = {"type": type, "payload": plain(payload), **options}
        key = options.get("key") or new_key()
        return cast("JobDocument", await self._call("POST", "/jobs", body, key=key))

    async def submit_many(self, jobs: Sequence[Mapping[str, Any]]) -> list[AcceptedDocument]:
        """Submit all of `jobs` (each as the body of a submit) or none; gives ids in their order."""
        body = [{**job, "payload": plain(job.get("payload"))} for job in jobs]
        answer = await self._call("POST", "/jobs/bulk", body, key=new_key())
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

    async def download(
        self, job_id: str, destination: Path | BinaryIO, *, sha256: str | None = None
    ) -> int:
        """Stream a job's document to a file; gives its bytes.

        A connection that breaks goes on where it was. What arrived is compared with its SHA-256.

        Args:
            job_id: a completed job that made a document.
            destination: a binary file object; or a path, where the file appears only when complete.
            sha256: what the document must have, in hex, e.g. out of the job's result; None: what
                the service says at the download.

        Raises:
            UnexpectedAnswer: it is not what it should be.
        """
        path = f"/reports/{_segment(job_id)}"
        if not isinstance(destination, Path):
            return await Download(self._transport, path, destination, sha256=sha256).run()
        with whole_file(destination) as file:
            return await Download(self._transport, path, file, sha256=sha256).run()

    def events(self, job_id: str) -> AsyncGenerator[JobDocument, None]:
        """The job's document as it is, and after each change until the job has ended.

        A connection that breaks is made again, and nothing is told twice. Changes that follow each
        other fast may be seen as one. The documents are without results: `get` has them.

        Raises:
            JobNotFound: there is no such job.
            ServerUnreachable: the service does not come back.
        """
        return follow(self._transport, f"/jobs/{_segment(job_id)}/events")

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
            on_update: called with every document on the way.

        Raises:
            TimeoutError: the job had not ended in time; it goes on.
        """
        job: JobDocument | None = None
        try:
            async with asyncio.timeout(timeout), aclosing(self.events(job_id)) as events:
                async for job in events:
                    if on_update:
                        on_update(job)
                return await self.get(job_id)
        except TimeoutError:
            state = f"is still {job['state']}" if job else "could not be read"
            raise TimeoutError(f"{job_id} {state} after {timeout:g} s; it goes on") from None

    @overload
    async def result(self, job_id: str, *, timeout: float | None = None) -> Any: ...  # noqa: ASYNC109 - as for `wait`
    @overload
    async def result(
        self,
        job_id: str,
        kind: type[Result],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - likewise
    ) -> Result: ...
    async def result(
        self,
        job_id: str,
        kind: Any = Any,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as for `wait`
    ) -> Any:
        """Wait until the job has ended; what its handler returned.

        Args:
            job_id: the job.
            kind: what to read it as: a pydantic model, a msgspec struct, or any type of the two;
                by default plain JSON.
            timeout: seconds to wait at most; None: as long as it takes.

        Raises:
            JobFailed: the job is dead.
            JobCancelled: it was cancelled.
            UnexpectedAnswer: the result is no such thing.
            TimeoutError: it had not ended in time; it goes on.
        """
        return read_result(await self.wait(job_id, timeout=timeout), kind)


def _segment(job_id: str) -> str:
    """`job_id` as a part of a path, where other characters would lead to another route."""
    if not _ID.fullmatch(job_id):
        raise JobNotFound(f"there is no job {job_id!r}")
    return job_id
