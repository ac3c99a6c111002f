"""Work on many jobs, in steps: how much of it one call does."""

from collections.abc import AsyncIterator
from time import monotonic

import msgspec

SWEEP_TIME = 5.0
"""Seconds after which a call over HTTP answers, done or not: far less than any proxy waits, and
some hundred thousand jobs."""

FOREVER = float("inf")


class Swept(msgspec.Struct, frozen=True):
    """What a call on many jobs did.

    Attributes:
        count: jobs that it was done to, or would be.
        more: its time was over before its work: the same call goes on.
        cursor: where the next call goes on, of one that looks for jobs that pass a filter.
    """

    count: int
    more: bool = False
    cursor: str | None = None


async def sweep(steps: AsyncIterator[int], *, within: float) -> Swept:
    """Take `steps` until there are no more, or for `within` seconds.

    Args:
        steps: does a step and gives its number of jobs.
        within: seconds; a step that has begun is finished.
    """
    until, count = monotonic() + within, 0
    async for number in steps:
        count += number
        if monotonic() >= until:
            return Swept(count, more=True)
    return Swept(count)
