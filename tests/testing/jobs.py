"""A program under test."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from pydantic import BaseModel

from jobqueue import Batch, JobContext, JobQueue

app = JobQueue()


class Mail(BaseModel):
    """A payload."""

    to: str
    copies: int = 1


class Sent(BaseModel):
    """A result."""

    words: str


@app.lifespan
async def server() -> AsyncIterator[str]:
    """A mail server that is not there in tests."""
    if app.registry.get("mail"):
        raise ConnectionError("no server")
    yield ""


@app.middleware
async def counted(job: Any, payload: Any, call: Any) -> Any:
    """Stand around all handlers."""
    counts.append(job)
    return await call(job, payload)


counts: list[Any] = []


@app.job("mail", queue="mail")
async def mail(job: JobContext, payload: Mail, server: str) -> Sent:
    """Send a mail."""
    job.progress(50, "half")
    job.log(f"to {payload.to}")
    return Sent(words=f"{payload.to} x {payload.copies} by {server}, attempt {job.attempt}")


@app.job("slow", timeout=0.05)
async def slow(_job: JobContext, payload: float) -> None:
    """Take some time."""
    await asyncio.sleep(payload)


@app.job("family")
async def family(job: JobContext, payload: list[str]) -> list[Any]:
    """Use what other jobs made."""
    children = await job.children([{"type": "mail", "payload": {"to": to}} for to in payload])
    return [await job.parents(), children]


@app.job("pair", batch=Batch(size=2))
def pair(jobs: list[JobContext], payloads: list[int]) -> list[int | Exception]:
    """Refuse what is odd."""
    return [ValueError("odd") if number % 2 else len(jobs) for number in payloads]


@app.job("compute", process=True)
def compute(job: JobContext, payload: int) -> int:
    """Compute elsewhere."""
    job.log("computing")
    return payload**2
