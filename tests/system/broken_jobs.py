"""Job types whose worker cannot start."""

from collections.abc import AsyncIterator

from jobqueue import JobContext, JobQueue

app = JobQueue()


@app.lifespan
async def database() -> AsyncIterator[str]:
    """Fail."""
    if app.registry.get("use"):
        raise ConnectionError("no database at\nlocalhost")
    yield "open"


@app.job("use")
async def use(_: JobContext, _payload: None, database: str) -> str:
    """Need what is not there."""
    return database
