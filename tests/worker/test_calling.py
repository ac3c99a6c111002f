"""What handlers are called with and through: threads, lifespans, middleware."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from jobqueue import Batch, JobContext, JobQueue, Retry
from jobqueue.errors import SettingsError
from jobqueue.state import State
from jobqueue.worker import attempt as attempt_module

from .harness import QUEUE, SOON, Harness

ONCE = Retry(max_attempts=1)
Call = Callable[[Any, Any], Awaitable[Any]]


@asynccontextmanager
async def working(harness: Harness, app: JobQueue) -> AsyncIterator[None]:
    """A worker for the handlers of `app`, with what they need."""
    harness.registry = app.registry
    async with app.started(), harness.worker():
        yield


async def result_of(harness: Harness, app: JobQueue, job_type: str, payload: Any = None) -> bytes:
    """The result of one job in a worker of its own."""
    async with working(harness, app):
        job = await harness.ended(await harness.submit(job_type, payload))
    assert job.state is State.COMPLETED, job.failure
    return job.result or b""


async def test_a_plain_function_runs_in_a_thread(harness: Harness) -> None:
    """Plain functions block neither the worker nor each other, and report as others do."""
    app = JobQueue()
    together = threading.Barrier(3)

    @app.job("meet", queue=QUEUE)
    def meet(job: JobContext, payload: int) -> int:
        together.wait(SOON)
        job.log(f"met from {payload}")
        assert threading.current_thread() is not threading.main_thread()
        return payload

    async with working(harness, app):
        ids = [await harness.submit("meet", number) for number in range(3)]
        jobs = [await harness.ended(job_id) for job_id in ids]
    assert [job.result for job in jobs] == [b"0", b"1", b"2"]
    assert [line.text for line in await harness.broker.logs(ids[2])] == ["met from 2"]


@pytest.mark.parametrize("kind", [ValueError, StopIteration, SystemExit])
async def test_what_a_thread_raises_is_the_jobs(
    harness: Harness, kind: type[BaseException]
) -> None:
    """An exception in a thread is a failed attempt, whichever it is."""
    app = JobQueue()

    @app.job("fail", queue=QUEUE, retry=ONCE)
    def fail(_job: JobContext, payload: str) -> None:
        raise kind(payload)

    async with working(harness, app):
        job = await harness.ended(await harness.submit("fail", "no"))
    assert job.state is State.DEAD
    assert job.failure is not None
    assert "no" in f"{job.failure.message} {job.failure.traceback}"


async def test_a_thread_is_told_that_its_time_is_over(harness: Harness) -> None:
    """A function that looks at `job.cancelled` ends soon after its deadline; so does its job."""
    app = JobQueue()
    told = threading.Event()

    @app.job("slow", queue=QUEUE, timeout=0.2, retry=ONCE)
    def slow(job: JobContext, payload: None) -> None:
        del payload
        while not job.cancelled:
            threading.Event().wait(0.01)
        told.set()

    async with working(harness, app):
        job = await harness.ended(await harness.submit("slow"))
    assert (job.state, job.reason) == (State.DEAD, "timeout")
    assert told.is_set()


async def test_a_thread_that_goes_on_costs_its_process(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job of a function that does not end is settled without it, and the process replaced."""
    monkeypatch.setattr(attempt_module, "CANCEL_GRACE", 0.2)
    app = JobQueue()
    release = threading.Event()

    @app.job("deaf", queue=QUEUE, timeout=0.1, retry=ONCE)
    def deaf(_job: JobContext, payload: None) -> None:
        del payload
        release.wait(SOON)

    harness.registry = app.registry
    async with app.started(), harness.worker() as worker:
        job = await harness.ended(await harness.submit("deaf"))
        assert (job.state, job.reason) == (State.DEAD, "timeout")
        assert worker.stuck
        release.set()


async def test_a_lifespan_lasts_as_long_as_the_worker(harness: Harness) -> None:
    """Lifespans open before the first job, in order, and close after the last, in reverse."""
    app = JobQueue()
    seen: list[str] = []

    @app.lifespan
    async def pool() -> AsyncIterator[str]:
        seen.append("pool opens")
        yield "pool"
        seen.append("pool closes")

    @app.lifespan
    @asynccontextmanager
    async def session(pool: str) -> AsyncIterator[str]:
        seen.append("session opens")
        yield f"session of {pool}"
        seen.append("session closes")

    @app.job("use", queue=QUEUE)
    async def use(_job: JobContext, payload: str, session: str, *, pool: str) -> str:
        seen.append(f"{payload} with {pool}")
        return session

    @app.job("use-in-thread", queue=QUEUE)
    def use_in_thread(_job: JobContext, _payload: Any, pool: str, times: int = 2) -> str:
        return pool * times

    assert await result_of(harness, app, "use", "job") == b'"session of pool"'
    expected = ["pool opens", "session opens", "job with pool", "session closes", "pool closes"]
    assert seen == expected
    assert await result_of(harness, app, "use-in-thread") == b'"poolpool"'


async def test_a_lifespan_that_does_not_start_is_named() -> None:
    """One that fails says which and why, and those before it are closed."""
    app = JobQueue()
    seen: list[str] = []

    @app.lifespan
    async def first() -> AsyncIterator[None]:
        yield
        seen.append("first closes")

    @app.lifespan
    async def second() -> AsyncIterator[None]:
        if not seen:
            raise ConnectionError("no database")
        yield

    with pytest.raises(SettingsError) as caught:
        async with app.started():
            seen.append("started")
    assert str(caught.value) == "lifespan second did not start: ConnectionError: no database"
    assert seen == ["first closes"]


async def test_a_lifespan_that_does_not_stop_keeps_none_from_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One that fails at its end is logged, and the others close."""
    app = JobQueue()
    seen: list[str] = []

    @app.lifespan
    async def first() -> AsyncIterator[None]:
        yield
        seen.append("first closes")

    @app.lifespan
    async def second() -> AsyncIterator[None]:
        yield
        raise ConnectionError("gone")

    async with app.started():
        pass
    assert seen == ["first closes"]
    assert "lifespan_did_not_stop" in capsys.readouterr().out


async def test_a_lifespan_is_there_in_a_worker_only(harness: Harness) -> None:
    """A handler that is called where nothing was opened says so."""
    app = JobQueue()

    @app.lifespan
    async def pool() -> AsyncIterator[int]:
        yield 1

    @app.job("use", queue=QUEUE, retry=ONCE)
    async def use(_job: JobContext, _payload: Any, pool: int) -> int:
        return pool

    harness.registry = app.registry
    async with harness.worker():
        job = await harness.ended(await harness.submit("use"))
    assert job.failure is not None
    assert "open where a worker runs" in job.failure.message


def test_lifespans_that_are_none_are_refused() -> None:
    """A wrong lifespan, and a wrong parameter, are refused where they are defined."""
    app = JobQueue()

    @app.lifespan
    async def database() -> AsyncIterator[int]:
        yield 1

    async def no_yield() -> int:
        return 1

    with pytest.raises(SettingsError, match="no_yield: must be an `async def` function that"):
        app.lifespan(no_yield)
    with pytest.raises(SettingsError, match="'database' is defined twice"):
        app.lifespan(database)
    with pytest.raises(SettingsError, match=r"handler .*wants.*'databse'.*mean 'database'\?"):

        @app.job("x")
        async def wants(_job: JobContext, _payload: Any, databse: int) -> None:
            del databse


async def test_middleware_is_around_handlers(harness: Harness) -> None:
    """The first middleware is the outermost; each may change what comes back, and use lifespans."""
    app = JobQueue()
    seen: list[str] = []

    @app.lifespan
    async def name() -> AsyncIterator[str]:
        yield "inner"

    @app.middleware
    async def outer(job: JobContext, payload: Any, call: Call) -> Any:
        seen.append(f"outer {job.type}")
        return await call(job, payload) + 1

    @app.middleware
    async def inner(job: JobContext, payload: Any, call: Call, name: str) -> Any:
        seen.append(name)
        return 10 * await call(job, payload + 1)

    @app.job("add", queue=QUEUE)
    def add(_job: JobContext, payload: int) -> int:
        return payload + 100

    assert await result_of(harness, app, "add", 5) == b"1061"
    assert seen == ["outer add", "inner"]


async def test_errors_and_timeouts_pass_middleware(harness: Harness) -> None:
    """What a handler raises passes its middleware, and so does the end of its time."""
    app = JobQueue()
    seen: list[str] = []

    @app.middleware
    async def watch(job: JobContext, payload: Any, call: Call) -> Any:
        try:
            return await call(job, payload)
        except BaseException as error:
            seen.append(type(error).__name__)
            raise

    @app.job("fail", queue=QUEUE, retry=ONCE)
    async def fail(_job: JobContext, payload: None) -> None:
        del payload
        raise KeyError("lost")

    @app.job("slow", queue=QUEUE, retry=ONCE, timeout=0.1)
    async def slow(_job: JobContext, payload: None) -> None:
        del payload
        await asyncio.sleep(600)

    async with working(harness, app):
        failed = await harness.ended(await harness.submit("fail"))
        late = await harness.ended(await harness.submit("slow"))
    assert failed.failure is not None
    assert failed.failure.code == "KeyError"
    assert failed.failure.traceback is not None
    assert "jobqueue/" not in failed.failure.traceback
    assert (late.state, late.reason) == (State.DEAD, "timeout")
    assert seen == ["KeyError", "CancelledError"]


async def test_middleware_sees_a_batch_whole(harness: Harness) -> None:
    """Around the handler of a batch it is given all jobs and payloads of the call."""
    app = JobQueue()
    sizes: list[int] = []

    @app.middleware
    async def count(jobs: list[JobContext], payloads: list[int], call: Call) -> Any:
        sizes.append(len(jobs))
        return await call(jobs, payloads)

    @app.job("many", queue=QUEUE, batch=Batch(size=2, wait=SOON))
    def many(_jobs: list[JobContext], payloads: list[int]) -> list[int]:
        return payloads

    async with working(harness, app):
        ids = [await harness.submit("many", number) for number in range(2)]
        jobs = [await harness.ended(job_id) for job_id in ids]
    assert [job.result for job in jobs] == [b"0", b"1"]
    assert sizes == [2]


def test_middleware_that_is_none_is_refused() -> None:
    """Middleware must be one, and defined before the handlers that it is around."""
    app = JobQueue()

    async def short(call: Call) -> Any: ...

    async def good(job: JobContext, payload: Any, call: Call) -> Any:
        return await call(job, payload)

    with pytest.raises(SettingsError, match="short: must take the arguments job, payload, call"):
        app.middleware(short)
    app.middleware(good)
    app.job("echo")(lambda _job, payload: payload)
    with pytest.raises(SettingsError, match="good: define it before all job types"):
        app.middleware(good)


async def test_nobody_waits_for_a_handler_in_a_thread(harness: Harness) -> None:
    """A function that blocks does not keep jobs of other types from running."""
    app = JobQueue()
    release = threading.Event()

    @app.job("block", queue=QUEUE)
    def block(_job: JobContext, payload: None) -> bool:
        del payload
        return release.wait(SOON)

    @app.job("free", queue=QUEUE)
    async def free(_job: JobContext, payload: None) -> None:
        del payload
        release.set()

    async with working(harness, app):
        blocked = await harness.submit("block")
        await harness.reaches(blocked, State.ACTIVE)
        await harness.ended(await harness.submit("free"))
        assert (await harness.ended(blocked)).result == b"true"
