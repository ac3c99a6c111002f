"""What a handler raises to choose its job's outcome.

    JobOutcome
    ├── Unrecoverable              dead at once, nothing to retry
    ├── Cancelled                  cancelled, nobody needs it any more
    ├── Snooze                     again later, the attempt is not spent
    ├── RateLimited                as Snooze, and its queue is left alone till then
    └── WaitForChildren            again when other jobs have ended, the attempt is not spent

Any other exception of a handler is a failed attempt and is retried.
"""

import math
from collections.abc import Mapping
from typing import Literal

MAX_WAIT = 10 * 365 * 86400.0
"""Longest delay in seconds that a handler may ask for: ten years, far below where arithmetic with
milliseconds gets inexact."""


class JobOutcome(Exception):
    """Raised by a handler to choose how its attempt ends."""


class Unrecoverable(JobOutcome):
    """The job cannot succeed: dead at once, with this code as reason.

    Args:
        code: stable machine-readable reason, e.g. `template_error`.
        message: what is wrong and what to do, for people.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = str(code or "unrecoverable")


class Cancelled(JobOutcome):
    """The job is not needed any more: it ends cancelled.

    Args:
        reason: stable machine-readable word, e.g. `order_withdrawn`.
    """

    def __init__(self, reason: str = "cancelled") -> None:
        super().__init__(f"cancelled: {reason}")
        self.reason = str(reason or "cancelled")


class Snooze(JobOutcome):
    """Run the job again after `delay` seconds; the attempt is not spent.

    Raises:
        ValueError: `delay` is no number of seconds; below 0 means at once.
    """

    def __init__(self, delay: float) -> None:
        super().__init__(f"snoozed for {delay:g} s")
        self.delay = _seconds(delay)


class RateLimited(JobOutcome):
    """A service that the handler needs takes no more calls for `delay` seconds.

    The job runs again after them, and the attempt is not spent. Until then no worker takes another
    job of its tenant (or value of its type's limit key); where it has none, this worker takes no
    other job of the queue.

    Raises:
        ValueError: `delay` is no number of seconds; below 0 means at once.
    """

    def __init__(self, delay: float) -> None:
        super().__init__(f"rate limited for {delay:g} s")
        self.delay = _seconds(delay)


class WaitForChildren(JobOutcome):
    """Run the job again when these jobs have ended; raised by `JobContext.children`.

    Args:
        job_id: of the job that waits, which in a batch is one of many.
        children: ids of the jobs to wait for, each with what happens when it fails (`Parent`).
    """

    def __init__(
        self,
        job_id: str,
        children: Mapping[str, Literal["fail", "cancel", "ignore", "continue"]],
    ) -> None:
        super().__init__(f"waits for {len(children)} jobs")
        self.job_id = job_id
        self.children = dict(children)


def _seconds(delay: float) -> float:
    if not math.isfinite(delay) or delay > MAX_WAIT:
        raise ValueError(f"a delay is 0 to {MAX_WAIT:.0f} seconds, not {delay!r}")
    return max(float(delay), 0.0)
