"""Exceptions that are hard to deal with: each becomes its job's verdict, and frees its slot."""

from typing import Any, NoReturn

import pytest
from typing_extensions import override

from jobqueue.batch import Batch
from jobqueue.context import JobContext
from jobqueue.errors import Cancelled, Unrecoverable, WaitForChildren
from jobqueue.ids import new_job_id
from jobqueue.retry import Retry
from jobqueue.state import State

from .harness import QUEUE, Harness, until

ONCE = Retry(max_attempts=1)

CHILD = new_job_id(QUEUE)


class NoText(Exception):
    """An error that cannot be shown."""

    @override
    def __str__(self) -> str:
        raise RuntimeError("no text")


class NoCode(Exception):
    """An error whose code cannot be read."""

    @property
    def code(self) -> str:
        """Never there."""
        raise RuntimeError("no code")


class Panic(BaseException):
    """What extension modules raise that are written in other languages."""


@pytest.mark.parametrize("error", [NoText(), NoCode("x"), Panic("x"), KeyboardInterrupt()])
async def test_any_exception_ends_its_attempt(harness: Harness, error: BaseException) -> None:
    """A job ends whatever its handler raises, be it unreadable or beside `Exception`."""

    async def raising(_: JobContext, __: Any) -> NoReturn:
        raise error

    harness.define("raising", raising, retry=ONCE)
    async with harness.worker(slots=1):
        job = await harness.ended(await harness.submit("raising"))
    assert (job.state, job.reason) == (State.DEAD, "attempts_exhausted")
    assert job.failure is not None
    assert type(error).__name__ in job.failure.code + job.failure.message


async def test_an_unreadable_error_in_a_batch_is_its_jobs_alone(harness: Harness) -> None:
    """The other jobs of a batch are completed where one's error cannot be read."""

    async def some(jobs: list[JobContext], _: Any) -> list[Any]:
        return [NoText(), *[True for _ in jobs[1:]]]

    harness.define("some", some, retry=ONCE, batch=Batch(size=2, wait=5))
    first, second = [await harness.submit("some") for _ in range(2)]
    async with harness.worker(slots=2):
        assert (await harness.ended(first)).state is State.DEAD
        assert (await harness.ended(second)).state is State.COMPLETED


async def test_words_of_other_types_are_written_as_text(harness: Harness) -> None:
    """A code or reason that is no text, or none at all, ends the job as it was asked to."""
    outcomes = [Unrecoverable(404, "gone"), Unrecoverable("", "x"), Cancelled(7), Cancelled("")]  # type: ignore[arg-type]

    async def choosing(_: JobContext, number: int) -> NoReturn:
        raise outcomes[number]

    harness.define("choosing", choosing)
    async with harness.worker():
        jobs = [await harness.ended(await harness.submit("choosing", n)) for n in range(4)]
    assert [(job.state, job.reason) for job in jobs] == [
        (State.DEAD, "404"),
        (State.DEAD, "unrecoverable"),
        (State.CANCELLED, "7"),
        (State.CANCELLED, "cancelled"),
    ]


@pytest.mark.parametrize("children", [{"x": "fail"}, {CHILD: "explode"}, {1: "fail"}, None])
async def test_a_wait_for_what_is_no_job_is_a_failed_attempt(
    harness: Harness, children: Any
) -> None:
    """A handler that waits for what is no job, or itself, fails; the worker goes on."""

    async def waiting(job: JobContext, _: Any) -> NoReturn:
        raise WaitForChildren(job.id, {job.id: "fail"} if children is None else children)

    harness.define("wait", waiting, retry=ONCE)
    async with harness.worker():
        job = await harness.ended(await harness.submit("wait"))
    assert (job.state, job.reason) == (State.DEAD, "attempts_exhausted")


@pytest.mark.parametrize("message", ["\ud800", b"\xff", 5])
async def test_any_progress_message_leaves_the_worker_alive(harness: Harness, message: Any) -> None:
    """A progress message that is no proper text is kept as well as it can be."""

    async def working(job: JobContext, _: Any) -> None:
        job.progress(50, message)
        await until(lambda: _progress(harness, job.id))

    harness.define("working", working, retry=ONCE)
    async with harness.worker():
        job = await harness.ended(await harness.submit("working"))
    assert job.state is State.COMPLETED


async def test_progress_that_is_no_number_is_refused_to_the_handler(harness: Harness) -> None:
    """NaN is no progress: the handler hears of it, and the job can still be read."""

    async def working(job: JobContext, _: Any) -> None:
        job.progress(float("nan"))

    harness.define("working", working, retry=ONCE)
    async with harness.worker():
        job = await harness.ended(await harness.submit("working"))
    assert job.failure is not None
    assert "not nan" in job.failure.message


async def _progress(harness: Harness, job_id: str) -> bool:
    return (await harness.job(job_id)).progress is not None
