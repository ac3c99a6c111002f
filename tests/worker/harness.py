"""A worker in this process, with job types made by the test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

import msgspec

from jobqueue.app.contents import Contents, OpenStorage
from jobqueue.app.family import Family
from jobqueue.app.jobs import Jobs
from jobqueue.app.opening import LazyStorage
from jobqueue.batch import Batch
from jobqueue.broker.broker import Broker, Connections
from jobqueue.ids import new_job_id
from jobqueue.model import Job
from jobqueue.registry import JobType, Registry
from jobqueue.retry import Backoff, Retry
from jobqueue.settings import LimitSettings, RetentionSettings, Settings, WorkerSettings
from jobqueue.state import State
from jobqueue.submission import JobOptions, NewJob, Priority
from jobqueue.worker.worker import Worker

T = TypeVar("T")

QUEUE = "q"
SOON = 10.0
"""Seconds that anything without a promise of its own may take on a busy test machine."""

QUICK_RETRY = Retry(max_attempts=2, backoff=Backoff(delay=0.02, jitter=0.0))


async def until(
    look: Callable[[], Awaitable[T | None]], *, within: float = SOON, what: str = "it"
) -> T:
    """What `look` gives as soon as that is true."""
    deadline = monotonic() + within
    while not (seen := await look()):
        assert monotonic() < deadline, f"{what} did not happen within {within:g} s"
        await asyncio.sleep(0.01)
    return seen


async def open_broker(url: str, namespace: str) -> Broker:
    """A broker with the usual retention."""
    connections = await Connections.open(url)
    return Broker(connections, namespace=namespace, retention=RetentionSettings())


class Harness:
    """A broker, a table of job types, and shorthands for what tests do again and again.

    Attributes:
        open_storage: gives the storage of its workers: a folder below `folder`, unless replaced.
    """

    def __init__(self, broker: Broker, url: str, namespace: str, folder: Path) -> None:
        self.broker = broker
        self.url = url
        self.namespace = namespace
        self.folder = folder
        self.open_storage: OpenStorage = LazyStorage(Settings(data_dir=folder)).get
        self.registry = Registry()

    def define(
        self,
        name: str,
        handler: Callable[[Any, Any], Awaitable[Any]],
        *,
        queue: str = QUEUE,
        timeout: float = 30.0,
        retry: Retry = QUICK_RETRY,
        parse: Callable[[bytes], Any] = msgspec.json.decode,
        batch: Batch | None = None,
    ) -> None:
        """Enter a job type."""
        self.registry.add(
            JobType(
                name=name,
                queue=queue,
                timeout=timeout,
                retry=retry,
                parse=parse,
                handler=handler,
                batch=batch,
            )
        )

    @asynccontextmanager
    async def worker(
        self,
        *,
        slots: int = 4,
        queues: dict[str, int] | None = None,
        limits: LimitSettings | None = None,
        **settings: Any,
    ) -> AsyncIterator[Worker]:
        """A running worker, drained at the end unless the test has done so."""
        limits = limits or LimitSettings()
        worker = await Worker.open(
            self.broker,
            self.registry,
            settings=WorkerSettings(**{"drain": 0.0, **settings}),
            limits=limits,
            contents=self.contents(limits),
            queues=queues or {QUEUE: slots},
            roles=["worker"],
            version="test",
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(worker.run())
            try:
                yield worker
            finally:
                worker.drain()

    def contents(self, limits: LimitSettings | None = None) -> Contents:
        """Where large payloads and results are, as one process sees it."""
        return Contents(self.broker, self.open_storage, limits or LimitSettings())

    def family(self) -> Family:
        """What its jobs know of others."""
        limits = LimitSettings()
        return Jobs(self.broker, self.registry, limits, self.contents(limits)).family

    async def submit(
        self,
        job_type: str,
        payload: Any = None,
        *,
        queue: str = QUEUE,
        priority: Priority = Priority.NORMAL,
        delay: float = 0.0,
        **options: Any,
    ) -> str:
        """Enqueue one job and give its id."""
        job = NewJob(
            id=new_job_id(queue),
            type=job_type,
            payload=payload if isinstance(payload, bytes) else msgspec.json.encode(payload),
            priority=priority,
            delay_ms=round(delay * 1000),
            options=JobOptions(**options),
        )
        return (await self.broker.enqueue(job)).id

    async def job(self, job_id: str) -> Job:
        """The job as it is now."""
        job = await self.broker.get(job_id)
        assert job is not None, f"{job_id} is gone"
        return job

    async def ended(self, job_id: str, *, within: float = SOON) -> Job:
        """The job once it is in a final state."""

        async def look() -> Job | None:
            job = await self.job(job_id)
            return job if job.state.is_final else None

        return await until(look, within=within, what=f"the end of {job_id}")

    async def reaches(self, job_id: str, state: State, *, within: float = SOON) -> Job:
        """The job once it is in `state`."""

        async def look() -> Job | None:
            job = await self.job(job_id)
            return job if job.state is state else None

        return await until(look, within=within, what=f"{job_id} {state}")
