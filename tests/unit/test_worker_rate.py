"""At most so many starts in any so many seconds."""

import math

from hypothesis import given
from hypothesis import strategies as st

from jobqueue.limits import Rate
from jobqueue.worker.rate import SlidingWindow

rates = st.builds(Rate, st.integers(1, 6), st.floats(0.001, 100))
steps = st.lists(st.tuples(st.floats(0, 60), st.integers(0, 8)), max_size=60)


@given(rate=rates, steps=steps, begin=st.floats(0, 1e6))
def test_no_window_has_too_many_starts(
    rate: Rate, steps: list[tuple[float, int]], begin: float
) -> None:
    """Whatever comes when, it is allowed exactly as much as counting all starts allows."""
    window = SlidingWindow(rate)
    starts: list[float] = []
    now = begin
    for pause, wanted in steps:
        now += pause
        counted = sum(start + rate.period > now for start in starts)
        assert window.room(now) == rate.count - counted
        for _ in range(min(wanted, window.room(now))):
            window.add(now)
            starts.append(now)
    for earlier, later in zip(starts, starts[rate.count :], strict=False):
        assert later >= earlier + rate.period


@given(rate=rates, begin=st.floats(0, 1e6))
def test_a_full_window_says_when_it_opens(rate: Rate, begin: float) -> None:
    """A full window has room at the time it names, and not a moment before."""
    window = SlidingWindow(rate)
    for _ in range(rate.count):
        window.add(begin)
    opens_at = window.opens_at
    assert opens_at is not None
    assert window.room(math.nextafter(opens_at, 0)) == 0
    assert window.room(opens_at) == rate.count
