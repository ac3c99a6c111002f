"""Handlers in processes of their own: killed when their time is over, alone in their crashes."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import NoneType

import msgspec
import pytest

from jobqueue import JobContext, JobQueue
from jobqueue.errors import ProcessLost, SettingsError
from jobqueue.model import Job, Progress
from jobqueue.settings import LimitSettings
from jobqueue.state import State
from tests.support.wait import eventually

from . import process_jobs
from .harness import QUEUE, Harness


@asynccontextmanager
async def working(harness: Harness, **options: int) -> AsyncIterator[None]:
    """A worker for the handlers, with what they need."""
    harness.registry = process_jobs.app.registry
    limits = LimitSettings(inline=128 * 2**20, result=128 * 2**20)
    async with (
        process_jobs.app.started(),
        harness.worker(queues={QUEUE: 4}, limits=limits, **options),
    ):
        yield


async def ended(harness: Harness, job_type: str, payload: object) -> Job:
    """A job once it has ended."""
    return await harness.ended(await harness.submit(job_type, payload), within=30)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def open_files() -> int:
    """How many files and sockets this process has open."""
    return len([*Path("/proc/self/fd").iterdir()])


async def hanging(harness: Harness, folder: Path, *, limit: float = 60) -> tuple[str, list[int]]:
    """A job whose handler holds its interpreter, and the ids of its two processes."""
    note = folder / "pids"
    job_id = await harness.submit("hang", str(note), timeout=limit)
    await eventually(lambda: note.exists() and len(note.read_text().split()) == 2)
    pids = [int(pid) for pid in note.read_text().split()]
    assert all(map(is_alive, pids))
    return job_id, pids


async def test_a_handler_sees_its_job_and_reports(harness: Harness) -> None:
    """A handler in a process has the job's context, and what it logs is the job's log."""
    async with working(harness):
        job = await ended(harness, "look", {"text": "page 7"})
    assert job.result is not None
    seen = msgspec.json.decode(job.result)
    assert seen["pid"] != os.getpid()
    assert 0 < seen["left"] <= 300
    assert [line.text for line in await harness.broker.logs(job.id)] == ["reading page 7"]


async def test_processes_are_used_again(harness: Harness) -> None:
    """Jobs one after the other share a process: its start is paid for once."""
    async with working(harness):
        jobs = [await ended(harness, "look", {"text": "x"}) for _ in range(3)]
    pids = {msgspec.json.decode(job.result or b"")["pid"] for job in jobs}
    assert len(pids) == 1


async def test_large_payloads_and_results_pass(harness: Harness) -> None:
    """Megabytes go to the process and back."""
    text = "häuser" * 2_000_000
    async with working(harness):
        job = await ended(harness, "echo", {"text": text})
    assert job.state is State.COMPLETED
    assert msgspec.json.decode(job.result or b"") == {"text": text}


async def test_a_batch_may_run_in_a_process(harness: Harness) -> None:
    """Each job of a batch has its own verdict and log from the process."""
    async with working(harness):
        ids = [await harness.submit("many", number) for number in (1, 2)]
        odd, even = [await harness.ended(job_id, within=30) for job_id in ids]
    assert (odd.state, even.state, even.result) == (State.DEAD, State.COMPLETED, b"4")
    assert odd.failure is not None
    assert (odd.failure.code, odd.failure.message) == ("ValueError", "odd")
    assert [line.text for line in await harness.broker.logs(even.id)] == ["2 together"]


async def test_a_timeout_kills(harness: Harness, tmp_path: Path) -> None:
    """At its deadline a handler is killed with what it started, whatever it is in the middle of."""
    async with working(harness):
        job_id, pids = await hanging(harness, tmp_path, limit=4.0)
        job = await harness.ended(job_id, within=30)
        assert (job.state, job.reason) == (State.DEAD, "timeout")
        await eventually(lambda: not any(map(is_alive, pids)))
        assert (await ended(harness, "echo", {"text": "x"})).state is State.COMPLETED


async def test_a_cancel_kills(harness: Harness, tmp_path: Path) -> None:
    """A running job shows its progress, and is over at once when it is cancelled."""

    async def progress() -> Progress | None:
        return (await harness.job(job_id)).progress

    async with working(harness):
        job_id, pids = await hanging(harness, tmp_path)
        shown = await eventually(progress)
        assert shown is not None
        assert (shown.percent, shown.message) == (50, "half")
        await harness.broker.cancel(job_id)
        assert (await harness.ended(job_id)).state is State.CANCELLED
        await eventually(lambda: not any(map(is_alive, pids)))


async def test_a_stop_kills(harness: Harness, tmp_path: Path) -> None:
    """A worker that stops hands the job back, and leaves no process."""
    async with working(harness):
        job_id, pids = await hanging(harness, tmp_path)
    job = await harness.job(job_id)
    assert (job.state, job.attempt) == (State.QUEUED, 0)
    assert not any(map(is_alive, pids))


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("exit", "ended by itself with exit code 3"),
        ("crash", "was ended by SIGSEGV"),
        ("memory", "was ended by SIGKILL: maybe the machine ran out of memory"),
    ],
)
async def test_a_crash_is_the_jobs_own(harness: Harness, how: str, words: str) -> None:
    """A process that ends fails its own job, which says how; others go on."""
    async with working(harness):
        crashed, other = await asyncio.gather(
            ended(harness, "end", how), ended(harness, "look", {"text": "x"})
        )
        again = await ended(harness, "look", {"text": "y"})
    assert crashed.failure is not None
    assert crashed.failure.code == "process_lost"
    assert words in crashed.failure.message
    assert {other.state, again.state} == {State.COMPLETED}


async def test_a_process_that_ended_while_idle_is_nobodys_fault(harness: Harness) -> None:
    """A job that meets a process which has ended in the meantime runs in another one."""
    async with working(harness):
        first = await ended(harness, "look", {"text": "x"})
        pid = msgspec.json.decode(first.result or b"")["pid"]
        os.kill(pid, 9)
        second = await ended(harness, "look", {"text": "y"})
    assert second.state is State.COMPLETED


@pytest.mark.parametrize(
    ("how", "code", "message"),
    [
        ("unrecoverable", "bad_page", "no such page"),
        ("picky", "picky", "wanted 3"),
        ("untold", "Untold", "has a lock"),
        ("unpicklable", "TypeError", "cannot pickle '_thread.lock' object"),
    ],
)
async def test_what_a_handler_raises_arrives(
    harness: Harness, how: str, code: str, message: str
) -> None:
    """An exception in a process means what it means elsewhere, and tells where it was raised."""
    async with working(harness):
        job = await ended(harness, "fail", how)
    assert job.state is State.DEAD
    assert job.failure is not None
    assert (job.failure.code, job.failure.message) == (code, message)
    if how == "picky":
        assert job.failure.traceback is not None
        assert 'raise Picky(code="picky", wanted=3)' in job.failure.traceback


async def test_a_handler_may_snooze_and_exit(harness: Harness) -> None:
    """Outcomes pass, and `sys.exit` is a failed attempt as any other."""
    async with working(harness):
        snoozed = await harness.submit("fail", "snooze")
        assert (await harness.reaches(snoozed, State.SCHEDULED, within=30)).attempt == 0
        job = await ended(harness, "end", "sys.exit")
    assert job.failure is not None
    assert (job.failure.code, job.failure.message) == ("SystemExit", "enough")


async def test_nothing_is_left() -> None:
    """Calls, those that crash among them, leave neither an open file nor a process."""
    processes = process_jobs.app._calling.processes
    context = JobContext(
        id="q-1", type="x", attempt=1, max_attempts=1, token=QUEUE, deadline=0, report=print
    )
    before = open_files()
    async with process_jobs.app.started():
        calls = [processes.call(process_jobs.end, context, how) for how in ("exit", "fine", "fine")]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(answer) for answer in answers] == [ProcessLost, NoneType, NoneType]
        assert open_files() > before
    await eventually(lambda: open_files() <= before)
    assert processes._all == set()


async def _is_async(_job: JobContext, payload: int) -> None:
    del payload


def test_what_cannot_run_in_a_process_is_refused() -> None:
    """A function that a process could not call is refused where it is defined, with its name."""
    app = JobQueue()

    @app.lifespan
    async def database() -> AsyncIterator[str]:
        yield "open"

    def nested(_job: JobContext, payload: int) -> None:
        del payload

    with pytest.raises(SettingsError, match=r"_is_async.*must be a plain `def`"):
        app.job("a", process=True)(_is_async)
    with pytest.raises(SettingsError, match=r"nested.*at the top of a module"):
        app.job("b", process=True)(nested)
    with pytest.raises(SettingsError, match=r"_wants.*lifespans like 'database' are not"):
        app.job("c", process=True)(_wants)


def _wants(_job: JobContext, payload: int, database: str) -> None:
    del payload, database
