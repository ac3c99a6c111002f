"""The jobs of the benchmarks that talk to the broker directly."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from jobqueue.broker.broker import Broker
from jobqueue.ids import new_job_id
from jobqueue.settings import RedisSettings, RetentionSettings, Settings
from jobqueue.submission import NewJob

QUEUE = "bench"
PREFIX = f"jobqueue:{{{QUEUE}}}:"
PAYLOAD = json.dumps({"url": "https://example.com/" + "a" * 152, "width": 320, "n": 1}).encode()
BULK = 500
AT_ONCE = 8
"""Calls under way while a queue is filled: Redis works while Python packs the next."""


def settings_for(url: str, retention: RetentionSettings | None = None) -> Settings:
    """Settings of a client of this Redis."""
    return Settings(redis=RedisSettings(url=url), retention=retention or RetentionSettings())


def new_jobs(count: int, **fields: Any) -> list[NewJob]:
    """No-ops for the queue of the benchmarks."""
    return [NewJob(new_job_id(QUEUE), "noop", PAYLOAD, **fields) for _ in range(count)]


async def fill(broker: Broker, count: int, **fields: Any) -> list[str]:
    """Enqueue `count` jobs in bulks of 500; their ids."""
    ids: list[str] = []
    for first in range(0, count, BULK * AT_ONCE):
        jobs = new_jobs(min(BULK * AT_ONCE, count - first), **fields)
        await asyncio.gather(*map(broker.enqueue_many, _bulks(jobs)))
        ids += [job.id for job in jobs]
    return ids


def _bulks(jobs: Sequence[NewJob]) -> list[Sequence[NewJob]]:
    return [jobs[first : first + BULK] for first in range(0, len(jobs), BULK)]
