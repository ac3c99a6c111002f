"""JobQueue: what a program uses to define jobs and to submit them."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec
import structlog
from typing_extensions import override

from jobqueue.app.arguments import request_of
from jobqueue.app.bulk import BulkErrors
from jobqueue.app.contents import Contents, OpenStorage
from jobqueue.app.handlers import HandlerFunction, read_signature
from jobqueue.app.handles import JobHandle
from jobqueue.app.jobs import Jobs
from jobqueue.app.opening import LazyStorage, open_broker
from jobqueue.app.scheduling import Scheduling
from jobqueue.batch import Batch
from jobqueue.broker.broker import Broker
from jobqueue.config import load_settings
from jobqueue.errors import InvalidRequest
from jobqueue.model import Job
from jobqueue.registry import DEFAULT_QUEUE, DEFAULT_TIMEOUT, JobType, Registry
from jobqueue.retry import DEFAULT_RETRY, Backoff, Retry
from jobqueue.settings import Settings
from jobqueue.submission import Durability, Parent, Priority, Unique

if TYPE_CHECKING:
    from jobqueue.app.codec import Parser
    from jobqueue.app.requests import JobRequest

Function = TypeVar("Function", bound=HandlerFunction)

log = structlog.get_logger(__name__)


class JobQueue(Scheduling):
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

    def attach(
        self,
        broker: Broker,
        settings: Settings | None = None,
        *,
        open_storage: OpenStorage | None = None,
    ) -> None:
        """Use what somebody else opens and closes, e.g. the worker of this process.

        Args:
            broker: an open broker.
            settings: its settings; None: the defaults.
            open_storage: gives the storage of large payloads and results; None: what the
                settings name, opened when it is first needed.
        """
        settings = settings or Settings()
        open_storage = open_storage or LazyStorage(settings).get
        contents = Contents(broker, open_storage, settings.limits)
        self._jobs = Jobs(broker, self.registry, settings.limits, contents)

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
            storage = LazyStorage(settings)
            stack.push_async_callback(storage.close)
            self.attach(broker, settings, open_storage=storage.get)
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
        tenant: str | None = None,
        key: str | None = None,
        unique_key: str | None = None,
        unique: Unique | None = None,
        expires_in: float | None = None,
        depends_on: Iterable[str | Parent] = (),
        retention: float | None = None,
        durability: Durability | None = None,
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
            tenant: whose job it is: tenants take turns, and have limits of their own.
            key: idempotency key: a second submit with it gives the first one's job.
            unique_key: at most one job of this key waits or runs; a second submit gives the job
                that is there. Short for `unique=Unique(key)`.
            unique: the same in other modes: see `Unique`.
            expires_in: seconds within which it must start, else it is cancelled.
            depends_on: ids of jobs that must end before it starts, or `Parent`s.
            retention: seconds for which it is kept once it has ended.
            durability: what has happened to the job when this returns: it is in Redis' memory
                (None), and on another server too (`replicated`), or on Redis' disk (`fsync`).

        Raises:
            InvalidRequest: names each wrong field.
            PayloadTooLarge: the payload is over `limits.payload`.
            IdempotencyConflict: its key was used for another request.
            Backpressure: its queue or tenant has too many jobs.
            StorageUnavailable: the storage cannot take its large payload: it was not taken.
            Unavailable: Redis cannot take it now; whether it was taken may be unknown.
        """
        request = request_of(
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
                "tenant": tenant,
                "key": key,
                "unique_key": unique_key,
                "unique": unique,
                "expires_in": expires_in,
                "depends_on": depends_on,
                "retention": retention,
            }
        )
        submitted = await self._opened().submit(request, durability=durability)
        return self._handle(submitted.job.id)

    async def enqueue_many(
        self, jobs: Iterable[Mapping[str, Any]], *, durability: Durability | None = None
    ) -> list[JobHandle]:
        """Submit all of `jobs` or, when one is wrong, none.

        Args:
            jobs: each with the arguments of `enqueue` by name.
            durability: as for `enqueue`.

        Raises:
            InvalidRequest: names each wrong field, paths start with the job's index.
            PayloadTooLarge: too many jobs, or a payload is over its limit.
            StorageUnavailable: the storage cannot take a large payload: none was taken.
            Unavailable: Redis cannot take them now.
        """
        requests: list[JobRequest] = []
        wrong = BulkErrors()
        for index, fields in enumerate(jobs):
            try:
                requests.append(request_of(fields))
            except InvalidRequest as error:
                wrong.add(index, error)
        wrong.raise_any()
        accepted = await self._opened().submit_many(requests, durability=durability)
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

    @override
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
