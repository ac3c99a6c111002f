"""Most requests of a key in a time: a bucket that fills evenly, in this process.

Not in Redis: that would cost each request of such a key a round trip, which is what submits are
measured by, and would fail them all when Redis is away. What is protected is this process; several
let through as many times as much, which who sets a rate can reckon with.
"""

import math
import time
from collections import OrderedDict

import msgspec

from jobqueue.access import Principal
from jobqueue.access_errors import TooManyRequests

MAX_BUCKETS = 10_000
"""Buckets that are remembered, as many as keys are; one that is forgotten is full again."""


class Quota(msgspec.Struct, frozen=True):
    """What is left of a rate after a request.

    Attributes:
        count, period: the rate: so many requests in so many seconds.
        remaining: requests that would be answered now.
        full_in: seconds until it would be `count` again.
        next_in: seconds until the next request is answered; 0 where this one is.
    """

    count: int
    period: int
    remaining: int
    full_in: float
    next_in: float = 0.0

    def headers(self) -> dict[str, str]:
        """It as the answer tells it (draft-ietf-httpapi-ratelimit-headers)."""
        full_in = math.ceil(self.full_in)
        return {
            "RateLimit-Policy": f'"key";q={self.count};w={self.period}',
            "RateLimit": f'"key";r={self.remaining};t={full_in}',
        }


class RateLimiter:
    """Counts the requests of keys that have a rate."""

    def __init__(self) -> None:
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def count(self, principal: Principal, rate: str) -> Quota:
        """Take a request of a principal into account, unless there are too many.

        The only state of a bucket is when it will be full (the generic cell rate algorithm).
        """
        count, period = map(int, rate.split("/"))
        now, each = time.monotonic(), period / count
        full_at = max(self._full_at.get(principal.id, now), now)
        late = full_at + each - (now + period)
        if late > each * 1e-9:  # more than what floating point makes of a bucket that is just empty
            return Quota(count, period, 0, full_at - now, next_in=late)
        self._full_at[principal.id] = full_at = full_at + each
        self._full_at.move_to_end(principal.id)
        if len(self._full_at) > MAX_BUCKETS:
            self._full_at.popitem(last=False)
        left = math.floor((now + period - full_at) / each + 1e-9)
        return Quota(count, period, left, full_at - now)


def too_many(quota: Quota) -> TooManyRequests:
    """What is raised for a request that is over its rate."""
    return TooManyRequests(
        f"this key may send {quota.count} requests in {quota.period} s",
        retry_after=math.ceil(quota.next_in),
    )
