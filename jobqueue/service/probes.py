"""What `/readyz` looks at."""

import asyncio
from time import monotonic

from jobqueue.broker.broker import Broker
from jobqueue.health import Readiness
from jobqueue.storage.base import Storage

REAPER_SILENT_AFTER = 10.0
"""Seconds without a pass over any queue after which no reaper is running."""

QUEUES_ASKED = 20
"""Queues that are asked for the reaper's last pass: one answer would do."""

STORAGE_INTERVAL = 30.0
"""Seconds between two checks of the storage, which write an object each."""


def redis_probe(broker: Broker) -> Readiness:
    """Whether Redis answers."""

    async def probe() -> str | None:
        await broker.ping()  # its error is the answer
        return None

    return probe


def reaper_probe(broker: Broker) -> Readiness:
    """Whether somebody reaps, where there is anything to reap."""

    async def probe() -> str | None:
        queues = (await broker.queues())[:QUEUES_ASKED]
        ages = await asyncio.gather(*map(broker.reaper_beat_age, queues))
        youngest = min((age for age in ages if age is not None), default=None)
        if not queues or (youngest is not None and youngest < REAPER_SILENT_AFTER):
            return None
        since = "ever" if youngest is None else f"for {youngest:.0f} s"
        return f"no reaper has run {since}: start one with --role reaper"

    return probe


def storage_probe(storage: Storage) -> Readiness:
    """Whether the storage takes documents; looked at now and then only."""
    checked_at, problem = -STORAGE_INTERVAL, None

    async def probe() -> str | None:
        nonlocal checked_at, problem
        if monotonic() - checked_at < STORAGE_INTERVAL:
            return problem
        try:
            await storage.check()
            problem = None
        except Exception as error:  # noqa: BLE001 - whatever breaks, it is the answer
            problem = str(error) or type(error).__name__
        checked_at = monotonic()
        return problem

    return probe
