"""Job types as a program defines them."""

from typing import Any

from pydantic import BaseModel, Field

from jobqueue import JobContext, JobQueue, Retry


class Thumbnail(BaseModel):
    """A payload."""

    url: str
    width: int = Field(100, gt=0)


class ThumbnailResult(BaseModel):
    """A result."""

    width: int


def define(app: JobQueue) -> None:
    """The job types of the tests."""

    @app.job("thumbnail", queue="images", timeout=30, retry=Retry(max_attempts=5))
    async def thumbnail(_job: JobContext, payload: Thumbnail) -> ThumbnailResult:
        return ThumbnailResult(width=payload.width)

    @app.job("echo")
    async def echo(_job: JobContext, payload: Any) -> Any:
        return payload
