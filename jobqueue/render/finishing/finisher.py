"""Runs the finishing process for each document that asks for it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import structlog

from jobqueue.errors import JobqueueError, Unrecoverable
from jobqueue.render.failures import RenderTimeout
from jobqueue.render.finishing.plan import Finished, Outcome, Plan
from jobqueue.render.finishing.refusals import PDF_DAMAGED
from jobqueue.render.folder import BrowserFolder
from jobqueue.settings import LimitSettings, RenderSettings

_log = structlog.get_logger(__name__)

MEMORY = 3 * 1024**3
"""Bytes of address space: the files of a document are mapped, and may have 512 MiB each."""

_PROGRAM = "jobqueue.render.finishing.program"
_ROOT = str(Path(__file__).parents[3])
_CPU_LIMIT = -24
"""Exit status of a process that used up its CPU time: SIGXCPU."""


class FinishingFailed(JobqueueError):
    """The finishing process ended without a reason that the document gives it."""

    code = "finishing_failed"
    status = 503


class Finisher:
    """Finishes documents, as many at once as the render pool prints.

    Args:
        settings: how many at once, and the date of reproducible documents.
        limits: the largest document.
    """

    def __init__(self, settings: RenderSettings, limits: LimitSettings) -> None:
        self.epoch = settings.source_date_epoch
        self.largest = limits.document
        self._free = asyncio.Semaphore(settings.slots)

    @asynccontextmanager
    async def folder(self) -> AsyncIterator[Path]:
        """A folder for the files of one document."""
        folder = await asyncio.to_thread(BrowserFolder)
        try:
            yield folder.path
        finally:
            await folder.remove()

    async def run(self, plan: Plan, *, deadline: float) -> Finished:
        """Do what a plan says; its output is written then.

        Args:
            plan: what to do.
            deadline: when to give up, in the loop's time.

        Raises:
            RenderTimeout: it takes longer.
            Unrecoverable: it can never be done.
            FinishingFailed: another try may succeed.
        """
        try:
            async with asyncio.timeout_at(deadline), self._free:
                status, answer, errors = await _run(msgspec.json.encode(plan))
        except TimeoutError:
            raise late() from None
        if status == _CPU_LIMIT:
            raise late()
        try:
            outcome: Outcome = msgspec.json.decode(answer, type=Outcome)
        except msgspec.DecodeError:
            raise _explain(status, errors) from None
        if isinstance(outcome, Finished):
            return outcome
        raise Unrecoverable(outcome.code, outcome.message)


async def _run(plan: bytes) -> tuple[int, bytes, bytes]:
    """The exit status of the process, and what it wrote; it never outlives this call."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-X", "utf8", "-m", _PROGRAM),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": _ROOT},
    )
    try:
        answer, errors = await process.communicate(plan)
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return process.returncode or 0, answer, errors


def _explain(status: int, errors: bytes) -> Exception:
    """What to raise for a process that did not answer: a signal means a file that broke it."""
    lines = errors.decode(errors="replace").strip().splitlines()
    _log.warning("finishing_process_ended", status=status, last_line=lines[-1] if lines else "")
    if status in (-11, -6):
        return Unrecoverable(
            PDF_DAMAGED, "a PDF of the request breaks the program that reads it: it was refused"
        )
    return FinishingFailed(f"the finishing process ended with status {status}")


def late() -> RenderTimeout:
    """What to raise when a document's time is over."""
    return RenderTimeout(
        "the document was not finished in the time that it had:"
        " make it smaller, or submit it with a longer timeout"
    )
