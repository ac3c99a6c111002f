"""How a loop lives through an outage of Redis."""

import asyncio
import random

import structlog

from jobqueue.errors import Unavailable

FIRST_PAUSE = 0.05
"""Seconds after the first failure: most are one broken connection, healed at once."""

MAX_PAUSE = 2.0
"""Longest pause in seconds: everything is back at work soon after Redis is."""

_log = structlog.get_logger(__name__)


class Outage:
    """Growing pauses with jitter between tries; logs the start and the end of an outage.

    Args:
        part: who is concerned, for the log.
    """

    def __init__(self, part: str) -> None:
        self._part = part
        self._pause = 0.0

    @property
    def lasts(self) -> bool:
        """Whether the last try failed."""
        return bool(self._pause)

    def over(self) -> None:
        """Redis answered."""
        if self._pause:
            self._pause = 0.0
            _log.info("redis_back", part=self._part)

    async def pause(self, error: Unavailable) -> None:
        """Redis did not answer: wait before the next try, up to `MAX_PAUSE` seconds."""
        if not self._pause:
            _log.warning("redis_unavailable", part=self._part, error=str(error))
        self._pause = min(self._pause * 2 or FIRST_PAUSE, MAX_PAUSE)
        await asyncio.sleep(self._pause * random.uniform(0.6, 1.0))
