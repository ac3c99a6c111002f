"""JobQueue: what a program uses to define jobs and to submit them."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec
import structlog
from typing_extensions import override

from jobqueue.app.contents import Contents, OpenStorage
from jobqueue.app.defining import Defining
from jobqueue.app.enqueuing import Enqueuing
from jobqueue.app.handlers import HandlerFunction, read_signature
from jobqueue.app.handles import JobHandle
from jobqueue.app.jobs import Jobs
from jobqueue.app.opening import LazyStorage, open_broker
from jobqueue.app.operating import Operating
from jobqueue.app.policies import check_policy
from jobqueue.app.scheduling import Scheduling
from jobqueue.batch import Batch
from jobqueue.broker.broker import Broker
from jobqueue.config import load_settings
from jobqueue.model import Job
from jobqueue.registry import DEFAULT_QUEUE, DEFAULT_TIMEOUT, JobType
from jobqueue.retry import DEFAULT_RETRY, Retry
from jobqueue.settings import Settings

if TYPE_CHECKING:
    from jobqueue.app.codec import Parser

Function = TypeVar("Function", bound=HandlerFunction)

log = structlog.get_logger(__name__)


class JobQueue(Defining, Enqueuing, Scheduling, Operating):
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
        super().__init__()
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
        limit_key: str | None = None,
        retention: float | None = None,
        process: bool = False,
    ) -> Callable[[Function], Function]:
        """Define a job type: decorates `async def handler(job: JobContext, payload: …)`.

        A plain `def` function runs in a thread. Further parameters are lifespans by their names.

        Args:
            name: of the type: lower-case letters, digits and hyphens, at most 63.
            queue: where its jobs wait unless a submit says otherwise.
            timeout: seconds that one attempt may take.
            retry: how often and when a failed attempt is tried again.
            batch: how many jobs one call takes; then the handler is
                `async def handler(jobs: list[JobContext], payloads: list[…])` and returns a
                list with the result of each job, or an exception, in their order.
            limit_key: dotted path to a field of the payload, e.g. `customer.id`: jobs take turns
                and have limits by its value, as by their tenant otherwise.
            retention: seconds for which a job is kept once it has ended, unless its submit says
                otherwise; None: as the settings say.
            process: run the function, a plain `def` one, in a process of its own, which is killed
                when the job's time is over or the job is cancelled.

        Raises:
            SettingsError: a name is wrong or taken, a number is none that a job may have, or the
                function is no handler.
        """

        def define(function: Function) -> Function:
            signature = read_signature(function, batched=batch is not None)
            check_policy(
                name, timeout=timeout, retry=retry, retention=retention, limit_key=limit_key
            )
            self.registry.add(
                JobType(
                    name=name,
                    queue=queue,
                    timeout=timeout,
                    retry=retry,
                    parse=signature.parse_payload,
                    handler=self._calling.bind(function, process=process),
                    payload_schema=signature.payload_schema,
                    batch=batch,
                    limit_key=limit_key,
                    retention=retention,
                )
            )
            self._results[name] = signature.parse_result
            self._names[function] = name
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
        settings = self.load_settings()
        async with AsyncExitStack() as stack:
            broker = await stack.enter_async_context(open_broker(settings))
            storage = LazyStorage(settings)
            stack.push_async_callback(storage.close)
            self.attach(broker, settings, open_storage=storage.get)
            self._stack = stack.pop_all()

    def handle(self, job_id: str) -> JobHandle:
        """The handle of a job that was submitted before, maybe by somebody else."""
        self._opened()
        return self._handle(job_id)

    @override
    def _handle(self, job_id: str) -> JobHandle:
        return JobHandle(job_id, jobs=self._opened(), parse=self._parse_result)

    def parse_result(self, name: str, result: bytes) -> Any:
        """What a handler of this type returned, out of its JSON."""
        parse = self._results.get(name, msgspec.json.decode)
        return parse(result)

    def _parse_result(self, job: Job) -> Any:
        return None if job.result is None else self.parse_result(job.type, job.result)

    @override
    def _opened(self) -> Jobs:
        if self._jobs is None:
            raise RuntimeError("the queue is not open: use it inside `async with app:`")
        return self._jobs

    def load_settings(self) -> Settings:
        """The settings that it opens with: those that it was given, else what is configured now.

        Raises:
            SettingsError: a setting is wrong.
        """
        if self._settings is not None:
            return self._settings
        settings, warnings = load_settings(flags={"redis": {"url": self._redis_url}})
        for warning in warnings:
            log.warning("settings", warning=warning)
        return settings
