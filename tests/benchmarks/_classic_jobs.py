"""What the three workers of the demonstration run; loaded by `jobqueue serve --app`."""

import os
from pathlib import Path

from pydantic import BaseModel

from jobqueue import Backoff, JobContext, JobQueue, Retry

QUEUE = "classic"
ATTEMPTS = 3
BACKOFF = Backoff(kind="fixed", delay=0.2)
"""Short: the demonstration is about what happens, not about waiting."""

HEALED = "BENCH_HEALED"
"""Environment variable with the path of a file: once it is there, no handler fails any more."""


class Task(BaseModel):
    """A job's payload."""

    number: int
    fails: bool


app = JobQueue()


@app.job("classic", queue=QUEUE, retry=Retry(max_attempts=ATTEMPTS, backoff=BACKOFF))
async def classic(_job: JobContext, payload: Task) -> dict[str, int]:
    """Return the job's number, or fail as long as the world is broken."""
    if payload.fails and not Path(os.environ[HEALED]).exists():
        raise RuntimeError("what this job needs is broken")
    return {"number": payload.number}
