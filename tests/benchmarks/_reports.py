"""The whole system at work on invoices: submitted over HTTP, printed, stored, looked at again."""

import asyncio
import io
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from jobqueue.client import Client
from jobqueue.jobs.report_documents import KEY_PREFIX, job_of_document
from jobqueue.jobs.report_generation import NAME, QUEUE
from jobqueue.settings import StorageSettings
from jobqueue.storage.factory import make_storage
from tests.benchmarks._invoices import Invoice
from tests.render.helpers import descendants
from tests.support.command import answers, clean_environ, command
from tests.support.process import free_port, running

TEMPLATE = "invoice"
LOOK_EVERY = 0.25
"""Seconds between two looks at the counters, which cost the system a little of its time."""
Payload = dict[str, Any]
FINAL_STATES = ("completed", "dead", "cancelled")


def from_template(invoice: Invoice) -> Payload:
    """A report of an invoice."""
    return {"template": TEMPLATE, "data": invoice.data}


class Batch(NamedTuple):
    """One bulk submit that has been worked off."""

    invoices: Sequence[Invoice]
    ids: Sequence[str]
    rate: float
    """Documents a second, from the submit until the last was completed."""


class Reports:
    """Makes reports with a running system, and checks them.

    Args:
        client: of the system.
        data_dir: where it keeps everything.
        pid: its process.
    """

    def __init__(self, client: Client, data_dir: Path, pid: int) -> None:
        self._client = client
        self._pid = pid
        self._data_dir = data_dir

    async def make(
        self, invoices: Sequence[Invoice], payload: Callable[[Invoice], Payload] = from_template
    ) -> Batch:
        """Submit all of `invoices` in one call and wait until every one has ended."""
        jobs = [{"type": NAME, "payload": payload(invoice)} for invoice in invoices]
        awaited = await self._ended() + len(jobs)
        start = time.time()
        accepted = await self._client.submit_many(jobs)
        while await self._ended() < awaited:  # noqa: ASYNC110 - the system sets no event for us
            await asyncio.sleep(LOOK_EVERY)
        rate = len(jobs) / (await self._last_completion() - start)
        return Batch(invoices, [job["id"] for job in accepted], rate)

    async def latencies(self, invoices: Sequence[Invoice], *, at_once: int) -> list[float]:
        """Seconds from acceptance to completion of each, with `at_once` jobs in the system."""
        waiting, found = iter(invoices), list[float]()

        async def print_some() -> None:
            for invoice in waiting:
                accepted = await self._client.submit(NAME, from_template(invoice))
                job = await self._client.wait(accepted["id"])
                begin, end = (
                    datetime.fromisoformat(str(job[field]))
                    for field in ("created_at", "finished_at")
                )
                found.append((end - begin).total_seconds())

        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(print_some())
        return found

    def memory(self) -> int:
        """Bytes of the system and its browsers; what processes share is counted once."""
        return sum(map(_proportional_size, (self._pid, *descendants(self._pid))))

    async def problems(self, batches: Sequence[Batch]) -> list[str]:
        """Everything that is wrong with finished batches: lost, doubled or false documents."""
        found = await self._count_problems(batches)
        for batch in batches:
            for invoice, job_id in zip(batch.invoices, batch.ids, strict=True):
                problem = await self._document_problem(invoice, job_id)
                if problem is not None:
                    found.append(problem)
        return found

    async def _count_problems(self, batches: Sequence[Batch]) -> list[str]:
        ids = {job_id for batch in batches for job_id in batch.ids}
        submitted = sum(len(batch.invoices) for batch in batches)
        stored = await self._documents_by_job()
        found = [
            f"{job_id} has {stored[job_id]} stored documents instead of one"
            for job_id in sorted(ids | set(stored))
            if stored[job_id] != (job_id in ids)
        ]
        if len(ids) != submitted:
            found.append(f"{submitted} jobs were submitted, {len(ids)} were accepted")
        if (ended := await self._ended()) != submitted:
            found.append(f"{submitted} jobs were submitted, {ended} have ended")
        return found

    async def _documents_by_job(self) -> Counter[str]:
        """How many documents each job has in the storage."""
        storage = make_storage(StorageSettings(), self._data_dir)
        await storage.start()
        try:
            async with storage.list(f"{KEY_PREFIX}/") as objects:
                return Counter([str(job_of_document(stored.key)) async for stored in objects])
        finally:
            await storage.close()

    async def _document_problem(self, invoice: Invoice, job_id: str) -> str | None:
        job = await self._client.get(job_id)
        if job["state"] != "completed":
            return f"invoice {invoice.number}: {job_id} is {job['state']}: {job['error']}"
        pdf = io.BytesIO()
        await self._client.download(job_id, pdf)
        return await asyncio.to_thread(invoice.problem, pdf.getvalue())

    async def _last_completion(self) -> float:
        """When the last job was completed, in Unix time, by the clock of this machine."""
        listed = await self._client.list_jobs(state="completed", queue=QUEUE, limit=1)
        return datetime.fromisoformat(str(listed["jobs"][0]["finished_at"])).timestamp()

    async def _ended(self) -> int:
        states = (await self._client.stats())["queues"].get(QUEUE, {})
        return sum(states.get(state, 0) for state in FINAL_STATES)


def _proportional_size(pid: int) -> int:
    """Bytes of a process; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


@asynccontextmanager
async def running_system(folder: Path, chromium: Path, slots: int) -> AsyncIterator[Reports]:
    """`jobqueue serve` as users start it: all roles in one process, on an embedded Redis."""
    url = f"http://127.0.0.1:{free_port()}"
    environ = clean_environ() | {
        "JOBQUEUE_DATA_DIR": str(folder),
        "JOBQUEUE_RENDER__EXECUTABLE_PATH": str(chromium),
        "JOBQUEUE_RENDER__SANDBOX": "off",  # as in the plain loop
        "JOBQUEUE_RENDER__SLOTS": str(slots),
    }
    with running(
        command("serve", "--port", url.rpartition(":")[2]),
        ready=lambda: answers(f"{url}/readyz"),
        log=folder / "serve.log",
        cwd=folder,
        env=environ,
    ) as process:
        async with Client(url) as client:
            yield Reports(client, folder, process.pid)
