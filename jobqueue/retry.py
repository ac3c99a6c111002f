"""When a failed attempt runs again: pure arithmetic, no I/O."""

import random
from collections.abc import Callable
from typing import Literal

import msgspec

MAX_DELAY = 3600.0
"""Cap of one delay in seconds: a job that fails all day is tried every hour."""


class Backoff(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the delay grows from attempt to attempt.

    With `k` failed attempts the delay is, before jitter and cap:
    `fixed` delay, `linear` delay·k, `exponential` delay·2^(k-1).

    Attributes:
        delay: first delay in seconds.
        jitter: share of the delay by which it varies at random, 0 to 1.
        cap: longest delay in seconds.
    """

    kind: Literal["fixed", "linear", "exponential"] = "exponential"
    delay: float = 5.0
    jitter: float = 0.2
    cap: float = MAX_DELAY

    def seconds(self, failed_attempts: int, *, uniform: float | None = None) -> float:
        """The delay after `failed_attempts` (from 1), in seconds.

        Args:
            failed_attempts: verdicts that were errors so far.
            uniform: a number in [0, 1) to use instead of a random one.
        """
        exponent = min(failed_attempts - 1, 62)  # 2^62 s is past every cap, floats stay exact
        factor = {"fixed": 1, "linear": failed_attempts, "exponential": 2**exponent}[self.kind]
        base = min(self.delay * factor, self.cap)
        spread = (random.random() if uniform is None else uniform) * 2 - 1
        return float(min(base * (1 + self.jitter * spread), self.cap))


BackoffFunction = Callable[[int, BaseException], float | None]
"""A backoff of one's own: failed attempts so far (from 1) and the error of the latest, to seconds;
None: the error is one that no further attempt can mend."""


class Retry(msgspec.Struct, frozen=True):
    """How often a job type is tried, and how long it waits in between.

    Attributes:
        max_attempts: attempts in all; a submit may give its job another number.
        backoff: the wait, by a formula or by a function; a submit's own wins over either.
    """

    max_attempts: int = 3
    backoff: Backoff | BackoffFunction = Backoff()


DEFAULT_RETRY = Retry()
