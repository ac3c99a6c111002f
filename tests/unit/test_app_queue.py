"""JobQueue: defining, submitting and following jobs from Python."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis

from jobqueue import (
    AlreadyFinished,
    Backoff,
    InvalidRequest,
    JobCancelled,
    JobFailed,
    JobNotFound,
    JobQueue,
    Priority,
    Settings,
    State,
    UnknownType,
)
from jobqueue.broker.broker import Broker, Connections, Consumer
from jobqueue.errors import RedisUnavailable
from jobqueue.model import Failure, Outcome, Verdict
from jobqueue.settings import RedisSettings
from tests.support.redis import redis_server
from tests.support.wait import eventually

from .app_types import Thumbnail, ThumbnailResult, define


class Rig:
    """An open JobQueue, and a worker's hold on its queues."""

    def __init__(self, app: JobQueue, broker: Broker) -> None:
        self.app = app
        self.broker = broker
        self._consumers: dict[str, Consumer] = {}

    async def finish(self, outcome: Outcome, *, queue: str = "images", **fields: Any) -> None:
        """Start the next job of a queue and end it."""
        consumer = self._consumers.get(queue)
        if consumer is None:
            consumer = await self.broker.consumer(queue, worker_id="tester", lease=15)
            self._consumers[queue] = consumer
        (job,) = (await consumer.claim(1)).jobs
        await consumer.settle([Verdict(job.id, job.token, outcome, **fields)])


@asynccontextmanager
async def rig_on(url: str, namespace: str) -> AsyncIterator[Rig]:
    """An open JobQueue with its own broker, and another broker to work with."""
    settings = Settings(redis=RedisSettings(url=url, namespace=namespace))
    app = JobQueue(settings=settings)
    define(app)
    connections = await Connections.open(url)
    broker = Broker(connections, namespace=namespace, retention=settings.retention)
    async with app:
        yield Rig(app, broker)
    await broker.close()


@pytest.fixture
async def rig(redis_url: str, namespace: str) -> AsyncIterator[Rig]:
    """A JobQueue on the tests' Redis."""
    async with rig_on(redis_url, namespace) as rig:
        yield rig


async def test_submits_with_every_option(rig: Rig) -> None:
    """What `enqueue` is given is what the job has."""
    handle = await rig.app.enqueue(
        "thumbnail",
        Thumbnail(url="a.png", width=5),
        queue="other",
        priority="high",
        delay=60,
        timeout=7,
        max_attempts=9,
        backoff=Backoff(kind="fixed", delay=1),
        tags=["a"],
        metadata={"order": 1},
    )
    job = await handle.get()
    assert (job.id, job.queue, job.type) == (handle.id, "other", "thumbnail")
    assert job.payload == b'{"url":"a.png","width":5}'
    assert (job.priority, job.state) == (Priority.HIGH, State.SCHEDULED)
    assert (job.options.timeout, job.options.max_attempts) == (7, 9)
    assert job.options.backoff == Backoff(kind="fixed", delay=1)
    assert (job.options.tags, job.options.metadata) == (("a",), {"order": 1})


async def test_submits_for_a_time(rig: Rig) -> None:
    """`run_at` is a time with a zone; one without is refused."""
    at = datetime.now(UTC) + timedelta(hours=1)
    job = await (await rig.app.enqueue("echo", 1, run_at=at)).get()
    assert job.run_at_ms == round(at.timestamp() * 1000)
    with pytest.raises(InvalidRequest) as caught:
        await rig.app.enqueue("echo", 1, run_at=datetime.now())  # noqa: DTZ005 - the mistake itself
    assert [error.path for error in caught.value.errors] == ["/run_at"]


async def test_names_wrong_arguments(rig: Rig) -> None:
    """Wrong arguments are all named, and nothing is enqueued."""
    with pytest.raises(InvalidRequest) as caught:
        await rig.app.enqueue("thumbnail", {"width": 0}, priority="urgent", queue="A")
    paths = {error.path for error in caught.value.errors}
    assert paths == {"/priority", "/queue", "/payload/url", "/payload/width"}
    with pytest.raises(InvalidRequest) as caught:
        await rig.app.enqueue("echo", object(), metadata={"a": object()})
    assert {error.path for error in caught.value.errors} == {"/payload", "/metadata"}
    with pytest.raises(InvalidRequest, match="is wrong"):
        await rig.app.enqueue("echo", 1, delay=float("nan"))
    with pytest.raises(UnknownType):
        await rig.app.enqueue("nothing", {})
    assert await rig.broker.queues() == []


async def test_submits_many_or_none(rig: Rig) -> None:
    """A bulk is accepted whole, in its order, or not at all."""
    handles = await rig.app.enqueue_many(
        {"type": "echo", "payload": number, "priority": Priority.LOW} for number in range(20)
    )
    payloads = [(await handle.get()).payload for handle in handles]
    assert payloads == [b"%d" % number for number in range(20)]
    with pytest.raises(InvalidRequest) as caught:
        await rig.app.enqueue_many([{"type": "echo", "payload": 1}, {"payload": 1, "unique": 2}])
    assert {error.path for error in caught.value.errors} == {"/1/type", "/1/unique"}
    (stats,) = await rig.broker.stats()
    assert stats.counts[State.QUEUED] == 20
    assert await rig.app.enqueue_many([]) == []


async def test_waits_for_the_result(rig: Rig) -> None:
    """`result` wakes when the job ends, and gives what the handler's annotation says."""
    handle = await rig.app.enqueue("thumbnail", {"url": "a.png"})
    waiting = asyncio.create_task(handle.result(timeout=15))
    await rig.finish(Outcome.COMPLETED, result=b'{"width":7}')
    assert await waiting == ThumbnailResult(width=7)
    assert await handle.result() == ThumbnailResult(width=7)
    again = rig.app.handle(handle.id)
    assert await again.result() == ThumbnailResult(width=7)


async def test_gives_plain_results_of_other_types(rig: Rig) -> None:
    """A result without an annotation is the JSON that it is."""
    for result in (b"null", b'{"a":[1,2]}', b"12345678901234567890"):
        handle = await rig.app.enqueue("echo", 1)
        await rig.finish(Outcome.COMPLETED, queue="default", result=result)
        assert await handle.result() == msgspec.json.decode(result)


async def test_raises_why_there_is_no_result(rig: Rig) -> None:
    """A dead job raises JobFailed with its reason, a cancelled one JobCancelled."""
    handle = await rig.app.enqueue("thumbnail", {"url": "a.png"})
    failure = Failure("ValueError", "no such picture", 5)
    await rig.finish(Outcome.DEAD, failure=failure, reason="attempts_exhausted")
    with pytest.raises(JobFailed, match=r"attempts_exhausted.*no such picture"):
        await handle.result(timeout=15)
    handle = await rig.app.enqueue("thumbnail", {"url": "a.png"})
    assert (await handle.cancel()).state is State.CANCELLED
    with pytest.raises(JobCancelled):
        await handle.result(timeout=15)
    with pytest.raises(AlreadyFinished):
        await handle.cancel()


async def test_gives_up_waiting_in_time(rig: Rig) -> None:
    """A job that does not end raises TimeoutError with its id, and goes on."""
    handle = await rig.app.enqueue("echo", 1)
    with pytest.raises(TimeoutError, match=handle.id):
        await handle.result(timeout=0.05)
    assert (await handle.get()).state is State.QUEUED


async def test_unknown_jobs_raise(rig: Rig) -> None:
    """The handle of a job that is not there raises JobNotFound."""
    handle = rig.app.handle("images-01ARZ3NDEKTSV4RRFFQ69G5FAV")
    for call in (handle.get, handle.result, handle.cancel):
        with pytest.raises(JobNotFound):
            await call()


async def test_waits_over_an_outage(tmp_path: Path, namespace: str) -> None:
    """A wait for a result survives that Redis goes away and comes back."""
    on_disk = ("--appendonly", "yes", "--appendfsync", "always")
    async with AsyncExitStack() as stack:
        with redis_server(tmp_path, *on_disk) as url:
            rig = await stack.enter_async_context(rig_on(url, namespace))
            handle = await rig.app.enqueue("thumbnail", {"url": "a.png"})
            waiting = asyncio.create_task(handle.result(timeout=30))
            with redis.Redis.from_url(url) as client:
                await eventually(client.pubsub_channels)

        async def answers() -> bool:
            with suppress(RedisUnavailable):
                await rig.broker.ping()
                return True
            return False

        with redis_server(tmp_path, *on_disk):
            await eventually(answers)
            await rig.finish(Outcome.COMPLETED, result=b'{"width":7}')
            assert await waiting == ThumbnailResult(width=7)


async def test_opens_once_for_nested_uses(redis_url: str, namespace: str) -> None:
    """Nested and repeated `async with` work; outside of it the message says what to do."""
    app = JobQueue(settings=Settings(redis=RedisSettings(url=redis_url, namespace=namespace)))
    define(app)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="async with"):
            await app.enqueue("echo", 1)
        async with app:
            async with app:
                await app.enqueue("echo", 1)
            await app.enqueue("echo", 1)


async def test_starts_an_embedded_redis(tmp_path: Path) -> None:
    """Without a Redis in its settings a program has one of its own."""
    app = JobQueue(settings=Settings(data_dir=tmp_path))
    define(app)
    async with app:
        handle = await app.enqueue("echo", 1)
        assert (await handle.get()).state is State.QUEUED


async def test_uses_the_broker_of_its_process(rig: Rig) -> None:
    """A queue that was attached to a broker uses that one, and leaves it open."""
    app = JobQueue()
    define(app)
    app.attach(rig.broker)
    async with app:
        handle = await app.enqueue("echo", 1)
    assert await rig.broker.get(handle.id)


async def test_reads_the_url_when_it_is_opened(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`redis_url=` wins over the environment, which is read when the queue is opened."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    app = JobQueue(redis_url=redis_url)
    monkeypatch.setenv("JOBQUEUE_REDIS__NAMESPACE", "from-environment")
    define(app)
    async with app:
        await app.enqueue("echo", 1)
        connections = await Connections.open(redis_url)
        other = Broker(connections, namespace="from-environment", retention=Settings().retention)
        assert await other.queues() == ["default"]
        await other.close()
    with pytest.raises(TypeError, match="either"):
        JobQueue(redis_url=redis_url, settings=Settings())
