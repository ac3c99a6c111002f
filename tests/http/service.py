"""An API server in this process, and shorthands for what its tests do again and again."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Self

import aiohttp
import msgspec
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from jobqueue import JobContext, JobQueue, Retry
from jobqueue.app import Operations
from jobqueue.app.contents import already
from jobqueue.broker.broker import Broker, Connections, Consumer, Lease
from jobqueue.health import Health
from jobqueue.http.server import HttpServer
from jobqueue.jobs.builtin import add_builtin_types
from jobqueue.jobs.template_shelf import TemplateShelf
from jobqueue.jobs.template_store import TemplateStore
from jobqueue.model import ClaimedJob, Outcome, Progress, Verdict
from jobqueue.render.filling.filler import Filler
from jobqueue.render.templates import Templates
from jobqueue.settings import HttpSettings, LimitSettings, Settings
from jobqueue.storage.base import Storage
from jobqueue.storage.local import LocalStorage

QUEUE = "images"
"""The queue of the thumbnails."""


class Thumbnail(BaseModel):
    """What a user's payload model looks like."""

    model_config = ConfigDict(extra="forbid")

    url: str
    width: int = Field(100, gt=0)


class Buggy(BaseModel):
    """A payload model with a bug."""

    a: int

    @field_validator("a")
    @classmethod
    def divide(cls, value: int) -> float:
        """Fail in a way that nobody has thought of."""
        return 1 / value


def job_types(shelf: TemplateShelf | None = None) -> JobQueue:
    """The job types of the tests."""
    app = JobQueue(settings=Settings())

    @app.job("thumbnail", queue=QUEUE, timeout=30, retry=Retry(max_attempts=5))
    async def thumbnail(_job: JobContext, payload: Thumbnail) -> dict[str, int]:
        return {"width": payload.width}

    @app.job("echo")
    async def echo(_job: JobContext, payload: Any) -> Any:
        return payload

    @app.job("buggy")
    async def buggy(_job: JobContext, payload: Buggy) -> float:
        return payload.a

    add_builtin_types(app.registry, templates=Templates(), shelf=shelf)
    return app


class Answer(msgspec.Struct):
    """An answer, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)

    @property
    def code(self) -> str:
        """The code of a problem document."""
        assert self.headers["Content-Type"] == "application/problem+json", self.body
        return str(self.json()["code"])

    def errors(self) -> dict[str, str]:
        """The field errors of a problem document, message by path."""
        return {error["path"]: error["message"] for error in self.json()["errors"]}


class Service:
    """A server on a port of its own, its broker, and a client."""

    def __init__(
        self,
        *,
        broker: Broker,
        server: HttpServer,
        health: Health,
        storage: Storage,
        operations: Operations,
    ) -> None:
        self.broker = broker
        self.operations = operations
        self.server = server
        self.health = health
        self.storage = storage
        self.session = aiohttp.ClientSession()
        self._consumers: dict[str, Consumer] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    async def call(self, method: str, path: str, json: Any = None, **options: Any) -> Answer:
        """Send a request and read the whole answer; redirects are not followed."""
        if json is not None:
            options["data"] = msgspec.json.encode(json)
        if "data" in options:
            options["headers"] = {
                "Content-Type": "application/json",
                **options.get("headers", {}),
            }
        async with self.session.request(
            method, self.server.url + path, allow_redirects=False, **options
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    async def get(self, path: str, **options: Any) -> Answer:
        """GET."""
        return await self.call("GET", path, **options)

    async def post(self, path: str, json: Any = None, **options: Any) -> Answer:
        """POST."""
        return await self.call("POST", path, json, **options)

    async def delete(self, path: str, **options: Any) -> Answer:
        """DELETE."""
        return await self.call("DELETE", path, **options)

    async def submit(self, type: str = "thumbnail", **fields: Any) -> str:  # noqa: A002 - the field's name
        """Submit a job that is right, and give its id."""
        body = {"type": type, "payload": {"url": "http://example.test/a.png"}, **fields}
        answer = await self.post("/api/v1/jobs", body)
        assert answer.status == 202, answer.body
        return str(answer.json()["id"])

    async def start(self, queue: str = QUEUE) -> ClaimedJob:
        """Start the next job of a queue, as a worker does."""
        consumer = self._consumers.get(queue)
        if consumer is None:
            consumer = await self.broker.consumer(queue, worker_id="tester", lease=15)
            self._consumers[queue] = consumer
        (job,) = (await consumer.claim(1)).jobs
        return job

    async def finish(self, job: ClaimedJob, outcome: Outcome, **fields: Any) -> None:
        """End a started job."""
        await self._consumers[job.queue].settle([Verdict(job.id, job.token, outcome, **fields)])

    async def report(self, job: ClaimedJob, progress: Progress) -> None:
        """Report how far a started job is."""
        await self._consumers[job.queue].report({Lease(job.id, job.token): progress})

    async def complete(self, job_id: str, result: Any) -> None:
        """Run the only job that waits in its queue to its end."""
        job = await self.start(job_id.rpartition("-")[0])
        assert job.id == job_id
        await self.finish(job, Outcome.COMPLETED, result=msgspec.json.encode(result))


@asynccontextmanager
async def running_service(
    redis_url: str,
    namespace: str,
    folder: Path,
    *,
    storage: Storage | None = None,
    token: str | None = None,
    limits: LimitSettings | None = None,
    **http: Any,
) -> AsyncIterator[Service]:
    """A service on a free port, with its own settings where they are given."""
    settings = Settings(
        http=HttpSettings(port=0, token=SecretStr(token) if token else None, **http),
        limits=limits or LimitSettings(),
    )
    storage = storage or LocalStorage(folder / "storage")
    async with AsyncExitStack() as stack:
        await storage.start()
        stack.push_async_callback(storage.close)
        connections = await Connections.open(redis_url)
        broker = Broker(connections, namespace=namespace, retention=settings.retention)
        stack.push_async_callback(broker.close)
        health = Health()
        filler = Filler(1)
        stack.push_async_callback(filler.close)
        shelf = TemplateShelf(Templates(), TemplateStore(already(storage)), filler)
        operations = Operations(broker, job_types(shelf).registry, settings, storage, shelf)
        server = HttpServer(
            settings.http,
            health=health,
            operations=operations,
            explicit_port=True,
            default_port=8080,
        )
        await server.start()
        stack.push_async_callback(server.stop, 5.0)
        service = Service(
            broker=broker, server=server, health=health, storage=storage, operations=operations
        )
        yield await stack.enter_async_context(service)
