"""A program whose jobs make jobs, and fail at first."""

from jobqueue import Backoff, JobContext, JobQueue, Retry

app = JobQueue()


@app.job("order", queue="orders")
async def order(_job: JobContext, payload: int) -> None:
    """Let a mail follow."""
    await app.enqueue("mail", {"order": payload})


@app.job("mail", queue="mail", retry=Retry(max_attempts=2, backoff=Backoff(delay=600)))
async def mail(job: JobContext, payload: dict[str, int]) -> int:
    """Work in the second attempt only."""
    if job.attempt == 1:
        raise ConnectionError("not yet")
    return payload["order"]


@app.job("forever", queue="forever")
async def forever(_job: JobContext, payload: None) -> None:
    """Put itself back again and again."""
    del payload
    await app.enqueue("forever")
