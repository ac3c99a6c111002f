"""JobQueue: what a program uses to define jobs and to submit them."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec
import structlog

from jobqueue.app.bulk import BulkErrors
from jobqueue.app.handlers import HandlerFunction, read_signature
from jobqueue.app.handles import JobHandle
from jobqueue.app.jobs import Jobs
from jobqueue.app.opening import open_broker
from jobqueue.app.requests import JobRequest, request_from
from jobqueue.batch import Batch
from jobqueue.broker.broker import Broker
from jobqueue.config import load_settings
from jobqueue.errors import InvalidRequest
from jobqueue.model import Job, Priority
from jobqueue.registry import DEFAULT_QUEUE, DEFAULT_TIMEOUT, JobType, Registry
from jobqueue.retry import DEFAULT_RETRY, Backoff, Retry
from jobqueue.settings import Settings

if TYPE_CHECKING:
    from jobqueue.app.codec import Parser

Function = TypeVar("Function", bound=HandlerFunction)

log = structlog.get_logger(__name__)


class JobQueue:
    """Job types of a program, and the way to submit jobs.

        app = JobQueue()

        @app.job("thumbnail", queue="images")
        async def thumbnail(job: JobContext, payload: Thumbnail) -> ThumbnailResult: ...

        async with app:
            handle = await app.enqueue("thumbnail", {"url": "…"})
            result = await handle.result(timeout=60)

    Args:
        redis_url: where the queues are; None: what the settings say.
        settings: all settings, instead of those that file, `.env` and environment hold
            when the queue is opened.

    Attributes:
        registry: the job types defined on it.
    """

    def __init__(self, *, redis_url: str | None = None, settings: Settings | None = None) -> None:
        if redis_url is not None and settings is not None:
            raise TypeError("give either redis_url or settings: settings have a redis.url")
        self.registry = Registry()
        self._redis_url = redis_url
        self._settings = settings
        self._results: dict[str, Parser] = {}
        self._jobs: Jobs | None = None
        self._stack: AsyncExitStack | None = None
        self._users = 0
        self._opening = asyncio.Lock()

    def job(
        self,
        name: str,
        *,
        queue: str = DEFAULT_QUEUE,
        timeout: float = DEFAULT_TIMEOUT,
        retry: Retry = DEFAULT_RETRY,
        batch: Batch | None = None,
    ) -> Callable[[Function], Function]:
        """Define a job type: decorates `async def handler(job: JobContext, payload: …)`.

        Args:
            name: of the type: lower-case letters, digits and hyphens, at most 63.
            queue: where its jobs wait unless a submit says otherwise.
            timeout: seconds that one attempt may take.
            retry: how often and when a failed attempt is tried again.
            batch: how many jobs one call takes; then the handler is
                `async def handler(jobs: list[JobContext], payloads: list[…])` and returns a
                list with the result of each job, or an exception, in their order.

        Raises:
            SettingsError: a name is wrong or taken, or the function is no handler.
        """

        def define(function: Function) -> Function:
            signature = read_signature(function, batched=batch is not None)
            self.registry.add(
                JobType(
                    name=name,
                    queue=queue,
                    timeout=timeout,
                    retry=retry,
                    parse=signature.parse_payload,
                    handler=function,
                    payload_schema=signature.payload_schema,
                    batch=batch,
                )
            )
            self._results[name] = signature.parse_result
            return function

        return define

    def attach(self, broker: Broker, settings: Settings | None = None) -> None:
        """Use a broker that somebody else opened and closes, e.g. the worker of this process."""
        self._jobs = Jobs(broker, self.registry, (settings or Settings()).limits)

    async def __aenter__(self) -> Self:
        async with self._opening:
            if self._jobs is None:
                await self._open()
            self._users += 1
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._users -= 1
        if self._users == 0 and self._stack is not None:
            stack, self._stack, self._jobs = self._stack, None, None
            await stack.aclose()

    async def _open(self) -> None:
        settings = self._load_settings()
        async with AsyncExitStack() as stack:
            broker = await stack.enter_async_context(open_broker(settings))
            self.attach(broker, settings)
            self._stack = stack.pop_all()

    async def enqueue(
        self,
        type: str,  # noqa: A002 - the field's name everywhere
        payload: Any = None,
        *,
        queue: str | None = None,
        priority: str | int = Priority.NORMAL,
        delay: float | None = None,
        run_at: datetime | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the job's, not this call's
        max_attempts: int | None = None,
        backoff: Backoff | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, Any] | None = None,
    ) -> JobHandle:
        """Submit a job.

        Args:
            type: one of this program's types, or one that some worker runs.
            payload: a pydantic model, or whatever JSON can hold.
            queue: another queue than its type's.
            priority: `critical`, `high`, `normal`, `low`, or their numbers.
            delay: seconds from now to its earliest start.
            run_at: its earliest start, with a time zone.
            timeout: seconds that one attempt may take, instead of its type's.
            max_attempts: how often it is tried, instead of its type's.
            backoff: how long it waits in between, instead of its type's.
            tags: words to find it by.
            metadata: what JSON can hold, kept with the job.

        Raises:
            InvalidRequest: names each wrong field.
            PayloadTooLarge: the payload is over `limits.payload`.
            Unavailable: Redis cannot take it now; whether it was taken may be unknown.
        """
        request = _request(
            {
                "type": type,
                "payload": payload,
                "queue": queue,
                "priority": priority,
                "delay": delay,
                "run_at": run_at,
                "timeout": timeout,
                "max_attempts": max_attempts,
                "backoff": backoff,
                "tags": tags,
                "metadata": metadata or {},
            }
        )
        job = await self._opened().submit(request)
        return self._handle(job.id)

    async def enqueue_many(self, jobs: Iterable[Mapping[str, Any]]) -> list[JobHandle]:
        """Submit all of `jobs` or, when one is wrong, none.

        Args:
            jobs: each with the arguments of `enqueue` by name.

        Raises:
            InvalidRequest: names each wrong field, paths start with the job's index.
            PayloadTooLarge: too many jobs, or a payload is over its limit.
            Unavailable: Redis cannot take them now.
        """
        requests: list[JobRequest] = []
        wrong = BulkErrors()
        for index, fields in enumerate(jobs):
            try:
                requests.append(_request(fields))
            except InvalidRequest as error:
                wrong.add(index, error)
        wrong.raise_any()
        accepted = await self._opened().submit_many(requests)
        return [self._handle(each.id) for each in accepted]

    def handle(self, job_id: str) -> JobHandle:
        """The handle of a job that was submitted before, maybe by somebody else."""
        self._opened()
        return self._handle(job_id)

    def _handle(self, job_id: str) -> JobHandle:
        return JobHandle(job_id, jobs=self._opened(), parse=self._parse_result)

    def _parse_result(self, job: Job) -> Any:
        parse = self._results.get(job.type, msgspec.json.decode)
        return None if job.result is None else parse(job.result)

    def _opened(self) -> Jobs:
        if self._jobs is None:
            raise RuntimeError("the queue is not open: use it inside `async with app:`")
        return self._jobs

    def _load_settings(self) -> Settings:
        if self._settings is not None:
            return self._settings
        settings, warnings = load_settings(flags={"redis": {"url": self._redis_url}})
        for warning in warnings:
            log.warning("settings", warning=warning)
        return settings


def _request(fields: Mapping[str, Any]) -> JobRequest:
    """A request out of `enqueue`'s arguments."""
    values = dict(fields)
    if isinstance(backoff := values.get("backoff"), Backoff):
        values["backoff"] = msgspec.structs.asdict(backoff)
    return request_from(values)
