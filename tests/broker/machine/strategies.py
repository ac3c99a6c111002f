"""What the random lives of jobs are drawn from."""

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st

from jobqueue.limits import GroupLimits, QueueLimits, Rate
from jobqueue.model import Outcome
from jobqueue.submission import Unique, UniqueMode

WORKERS = ("a", "b", "c")
OUTCOMES = st.sampled_from(list(Outcome))
TENANTS = st.sampled_from([None, "red", "blue"])
POLICIES = st.sampled_from(["fail", "cancel", "ignore", "continue"])
PICK = st.integers(0, 10_000)
"""Which of several to take: drawn before it is known how many there are, since that
depends on time."""

LIMITS = st.builds(
    QueueLimits,
    concurrency=st.sampled_from([None, 1, 2]),
    rate=st.sampled_from([None, Rate(3, 0.02)]),
    size=st.sampled_from([None, 10]),
    group_concurrency=st.sampled_from([None, 1]),
    group_rate=st.sampled_from([None, Rate(2, 0.02)]),
    group_size=st.sampled_from([None, 5]),
    starvation_after=st.sampled_from([None, 0.01]),
)
GROUP_LIMITS = st.builds(
    GroupLimits,
    weight=st.integers(1, 3),
    paused=st.booleans(),
    concurrency=st.sampled_from([None, 2]),
)
UNIQUE = st.none() | st.builds(
    Unique,
    key=st.sampled_from(["u", "v"]),
    mode=st.sampled_from(list(UniqueMode)),
    ttl=st.just(0.02),
)

T = TypeVar("T")


def picked(things: Sequence[T], pick: int) -> T | None:
    """One of `things`, None when there are none."""
    return things[pick % len(things)] if things else None
