"""How a handler's end becomes its job's."""

import asyncio
from typing import Any

import msgspec
from pydantic import BaseModel

from jobqueue.context import JobContext
from jobqueue.errors import Cancelled, RateLimited, Snooze, Unrecoverable
from jobqueue.retry import Backoff, Retry
from jobqueue.settings import LimitSettings
from jobqueue.state import State

from .harness import Harness


class Size(BaseModel):
    """A result as users write them."""

    width: int
    height: int


async def echo(_: JobContext, payload: Any) -> Any:
    """Give back what came in."""
    return payload


async def test_what_a_handler_returns_is_the_result(harness: Harness) -> None:
    """A job whose handler returns is completed, with the returned value as JSON."""
    harness.define("echo", echo)
    async with harness.worker():
        job = await harness.ended(await harness.submit("echo", {"grüße": [1, 2.5, None]}))
    assert job.state is State.COMPLETED
    assert job.result is not None
    assert msgspec.json.decode(job.result) == {"grüße": [1, 2.5, None]}
    assert job.attempt == 1


async def test_pydantic_models_are_results(harness: Harness) -> None:
    """A handler may return a pydantic model, alone or inside other values."""

    async def measure(_: JobContext, payload: Any) -> Any:
        size = Size(width=3, height=4)
        return {"sizes": [size]} if payload else size

    harness.define("measure", measure)
    async with harness.worker():
        alone = await harness.ended(await harness.submit("measure", False))
        inside = await harness.ended(await harness.submit("measure", True))
    assert alone.result == b'{"width":3,"height":4}'
    assert inside.result == b'{"sizes":[{"width":3,"height":4}]}'


async def test_an_error_is_tried_again(harness: Harness) -> None:
    """A job that fails once and then works is completed, in its second attempt."""
    attempts: list[int] = []

    async def flaky(job: JobContext, _: Any) -> str:
        attempts.append(job.attempt)
        if job.attempt == 1:
            raise ValueError("not yet")
        return "done"

    harness.define("flaky", flaky)
    async with harness.worker():
        job = await harness.ended(await harness.submit("flaky"))
    assert (job.state, job.result, attempts) == (State.COMPLETED, b'"done"', [1, 2])


async def test_a_job_that_keeps_failing_is_dead(harness: Harness) -> None:
    """When its attempts are used up a job is dead, and says why and where it failed."""

    async def broken(_: JobContext, payload: Any) -> None:
        raise KeyError(payload)

    harness.define("broken", broken)
    async with harness.worker():
        job = await harness.ended(await harness.submit("broken", "colour"))
    assert (job.state, job.reason, job.attempt) == (State.DEAD, "attempts_exhausted", 2)
    assert job.failure is not None
    assert (job.failure.code, job.failure.message) == ("KeyError", "'colour'")
    assert job.failure.traceback is not None
    assert "raise KeyError(payload)" in job.failure.traceback
    assert "attempt.py" not in job.failure.traceback


async def test_a_job_may_have_its_own_attempts(harness: Harness) -> None:
    """A submit's attempts and backoff win over its type's."""

    async def broken(_: JobContext, __: Any) -> None:
        raise RuntimeError

    harness.define("broken", broken, retry=Retry(max_attempts=9, backoff=Backoff(delay=60)))
    backoff = Backoff(kind="fixed", delay=0.01)
    async with harness.worker():
        job_id = await harness.submit("broken", max_attempts=3, backoff=backoff)
        job = await harness.ended(job_id)
    assert (job.state, job.attempt) == (State.DEAD, 3)


async def test_failures_are_bounded(harness: Harness) -> None:
    """A huge error message or traceback does not fill Redis."""

    async def verbose(_: JobContext, depth: int) -> None:
        if depth:
            await verbose(_, depth - 1)
        raise ValueError("x" * 100_000)

    harness.define("verbose", verbose, retry=Retry(max_attempts=1))
    async with harness.worker():
        job = await harness.ended(await harness.submit("verbose", 200))
    assert job.failure is not None
    assert len(job.failure.message) == 2000
    assert job.failure.traceback is not None
    assert len(job.failure.traceback) <= 8192


async def test_unrecoverable_ends_the_job_at_once(harness: Harness) -> None:
    """A handler that says nothing can help ends its job dead, with its own reason."""

    async def refuse(_: JobContext, __: Any) -> None:
        raise Unrecoverable("template_error", "line 3: total is undefined")

    harness.define("refuse", refuse)
    async with harness.worker():
        job = await harness.ended(await harness.submit("refuse"))
    assert (job.state, job.reason, job.attempt) == (State.DEAD, "template_error", 1)
    assert job.failure is not None
    assert job.failure.message == "line 3: total is undefined"


async def test_snooze_costs_no_attempt(harness: Harness) -> None:
    """A snoozed job runs again later, in the same attempt."""
    attempts: list[int] = []

    async def later(job: JobContext, _: Any) -> None:
        attempts.append(job.attempt)
        if len(attempts) < 4:
            raise Snooze(0.01)

    harness.define("later", later)
    async with harness.worker():
        job = await harness.ended(await harness.submit("later"))
    assert (job.state, attempts) == (State.COMPLETED, [1, 1, 1, 1])


async def test_a_handler_may_end_its_job_cancelled(harness: Harness) -> None:
    """A handler whose work nobody needs any more ends its job cancelled, with its own reason."""

    async def withdraw(_: JobContext, reason: str | None) -> None:
        raise Cancelled(reason) if reason else Cancelled

    harness.define("withdraw", withdraw)
    async with harness.worker():
        own = await harness.ended(await harness.submit("withdraw", "order_withdrawn"))
        plain = await harness.ended(await harness.submit("withdraw"))
    assert (own.state, own.reason, own.failure) == (State.CANCELLED, "order_withdrawn", None)
    assert (plain.state, plain.reason) == (State.CANCELLED, "cancelled")


async def test_being_rate_limited_costs_no_attempt(harness: Harness) -> None:
    """A job that met the limit of a service runs again after it, in the same attempt."""
    attempts: list[int] = []

    async def call(job: JobContext, _: Any) -> None:
        attempts.append(job.attempt)
        if len(attempts) < 3:
            raise RateLimited(0.01)

    harness.define("call", call)
    async with harness.worker():
        job = await harness.ended(await harness.submit("call"))
    assert (job.state, attempts) == (State.COMPLETED, [1, 1, 1])


async def test_an_error_with_broken_text_is_kept(harness: Harness) -> None:
    """An error that names a file of another encoding fails its job, and not the worker."""

    async def miss(_: JobContext, __: Any) -> None:
        raise FileNotFoundError(b"caf\xe9".decode(errors="surrogateescape"))

    harness.define("miss", miss, retry=Retry(max_attempts=1))
    async with harness.worker():
        job = await harness.ended(await harness.submit("miss"))
    assert job.failure is not None
    assert job.failure.message == "caf?"


async def test_a_type_may_have_a_backoff_of_its_own(harness: Harness) -> None:
    """A job waits between its attempts as its type's function says."""
    asked: list[tuple[int, str]] = []

    def custom(failed: int, error: BaseException) -> float:
        asked.append((failed, str(error)))
        return 0.01

    async def broken(job: JobContext, _: Any) -> None:
        raise ValueError(f"attempt {job.attempt}")

    harness.define("broken", broken, retry=Retry(max_attempts=3, backoff=custom))
    async with harness.worker():
        job = await harness.ended(await harness.submit("broken"))
    assert (job.state, job.attempt) == (State.DEAD, 3)
    assert asked == [(1, "attempt 1"), (2, "attempt 2")]


async def test_a_handler_that_cancels_itself_has_failed(harness: Harness) -> None:
    """A CancelledError that nobody asked for is a failed attempt, not a cancelled job."""

    async def confused(_: JobContext, __: Any) -> None:
        raise asyncio.CancelledError

    harness.define("confused", confused)
    async with harness.worker():
        job = await harness.ended(await harness.submit("confused"))
    assert (job.state, job.attempt) == (State.DEAD, 2)
    assert job.failure is not None
    assert job.failure.code == "CancelledError"


async def test_a_handler_that_exits_has_failed(harness: Harness) -> None:
    """A library that calls sys.exit() fails its job, and the worker goes on."""

    async def leave(_: JobContext, __: Any) -> None:
        raise SystemExit(3)

    harness.define("leave", leave)
    harness.define("echo", echo)
    async with harness.worker():
        job = await harness.ended(await harness.submit("leave"))
        assert (await harness.ended(await harness.submit("echo"))).state is State.COMPLETED
    assert job.failure is not None
    assert (job.state, job.failure.code) == (State.DEAD, "SystemExit")


async def test_a_result_over_the_limit_is_refused(harness: Harness) -> None:
    """A result over the limit ends the job dead, and says what to do instead."""
    harness.define("echo", echo)
    async with harness.worker(limits=LimitSettings(result=100)):
        small = await harness.ended(await harness.submit("echo", "x" * 98))
        large = await harness.ended(await harness.submit("echo", "x" * 99))
    assert small.state is State.COMPLETED
    assert (large.state, large.reason) == (State.DEAD, "result_too_large")
    assert large.failure is not None
    assert "limits.result" in large.failure.message


async def test_a_result_that_is_no_json_is_refused(harness: Harness) -> None:
    """A value without a JSON form ends the job dead: its work would be lost again each time."""

    async def socket(_: JobContext, __: Any) -> Any:
        return object()

    harness.define("socket", socket)
    async with harness.worker():
        job = await harness.ended(await harness.submit("socket"))
    assert (job.state, job.reason, job.attempt) == (State.DEAD, "result_not_json", 1)


async def test_an_undecodable_payload_is_dead_at_once(harness: Harness) -> None:
    """A payload that its type does not take is dead without an attempt at running it."""
    harness.define("echo", echo)
    async with harness.worker():
        job = await harness.ended(await harness.submit("echo", b"{broken"))
    assert (job.state, job.reason) == (State.DEAD, "undecodable_payload")


async def test_an_unknown_type_is_left_for_a_newer_worker(harness: Harness) -> None:
    """A worker puts back what it does not know; when nobody ever knows it, the job is dead."""
    backoff = Backoff(kind="fixed", delay=0.01)
    async with harness.worker():
        job = await harness.ended(await harness.submit("novel", max_attempts=2, backoff=backoff))
    assert (job.state, job.reason, job.attempt) == (State.DEAD, "unknown_type", 2)
