"""How users call jobqueue, for the type checker: each line says what it must know."""

from typing import Any, assert_type

from pydantic import BaseModel

from jobqueue import JobContext, JobHandle, JobQueue
from jobqueue.client import Client, JobDocument, SyncClient

app = JobQueue()


class Thumbnail(BaseModel):
    """A payload."""

    url: str


class Picture(BaseModel):
    """A result."""

    width: int


@app.job("thumbnail")
async def thumbnail(_job: JobContext, payload: Thumbnail, session: str) -> Picture:
    """Run in the loop, with a lifespan."""
    return Picture(width=len(payload.url) + len(session))


@app.job("measure", process=True)
def measure(_job: JobContext, payload: Thumbnail, *, twice: bool = False) -> float:
    """Run elsewhere."""
    return len(payload.url) * (2.0 if twice else 1.0)


async def produce() -> None:
    """Payload and result of a handler flow through a submit."""
    handle = await app.enqueue(thumbnail, Thumbnail(url="a"), priority="high", delay=5)
    assert_type(handle, JobHandle[Picture])
    assert_type(await handle.result(timeout=1), Picture)
    assert_type(await (await app.enqueue(measure, Thumbnail(url="a"))).result(), float)
    assert_type(await (await app.enqueue("thumbnail", {"url": "a"})).result(), Any)


async def call(client: Client) -> None:
    """The client gives documents whose fields are known, and results as what they are read as."""
    job = await client.submit("thumbnail", Thumbnail(url="a"))
    assert_type(job, JobDocument)
    assert_type(job["state"], str)
    assert_type(await client.result(job["id"], Picture), Picture)
    assert_type(await client.result(job["id"]), Any)
    async for each in client.events(job["id"]):
        assert_type(each, JobDocument)


def call_and_block(client: SyncClient) -> None:
    """So does the one that blocks."""
    job = client.submit("thumbnail", Thumbnail(url="a"))
    assert_type(client.result(job["id"], Picture, timeout=5), Picture)
    for each in client.events(job["id"]):
        assert_type(each, JobDocument)


async def be_wrong() -> None:
    """What a handler does not take is refused; without that, the comments would be too many."""
    await app.enqueue(thumbnail, {"url": "a"})  # type: ignore[arg-type]
    await app.enqueue(thumbnail, Picture(width=1))  # type: ignore[arg-type]
    await app.enqueue(thumbnail, Thumbnail(url="a"), prioritty="high")  # type: ignore[call-overload]
    await app.enqueue(measure, Thumbnail(url="a"), delay="5")  # type: ignore[call-overload]
