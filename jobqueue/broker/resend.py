"""Re-sending calls whose fate is unknown; only for calls that may run twice."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from jobqueue.errors import RedisUnavailable

T = TypeVar("T")

PATIENCE = 2.0
"""Seconds of re-sending until the caller is told: as long as a Redis restart takes, and no
longer than a client wants to wait for a 503."""

_FIRST_DELAY = 0.05


async def resend(send: Callable[[], Awaitable[T]], *, patience: float | None = None) -> T:
    """The first answer to `send`, tried again while Redis does not answer.

    Raises:
        RedisUnavailable: no answer for `patience` seconds, by default `PATIENCE`.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + (PATIENCE if patience is None else patience)
    delay = _FIRST_DELAY
    while True:
        try:
            return await send()
        except RedisUnavailable:
            if loop.time() + delay > end:
                raise
        await asyncio.sleep(delay * random.uniform(0.8, 1.2))
        delay = min(delay * 2, 0.5)
