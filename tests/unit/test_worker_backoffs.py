"""How long a failed job waits."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.model import ClaimedJob, Outcome
from jobqueue.retry import Backoff, BackoffFunction, Retry
from jobqueue.submission import JobOptions
from jobqueue.worker import verdicts
from jobqueue.worker.backoffs import delay_after

DEFAULT = Backoff()


def claimed(attempt: int = 1, backoff: Backoff | None = None) -> ClaimedJob:
    """A delivery of a job."""
    options = JobOptions(backoff=backoff)
    return ClaimedJob("q-1", "q", "t", b"{}", options, "token", attempt, deliveries=1, crashes=0)


@given(attempt=st.integers(1, 20), delay=st.floats(0, 1e6))
def test_a_function_decides(attempt: int, delay: float) -> None:
    """A type's own backoff function is asked with what happened, and its answer holds."""
    asked: list[tuple[int, BaseException]] = []

    def custom(failed: int, error: BaseException) -> float:
        asked.append((failed, error))
        return delay

    error = ValueError("no")
    assert delay_after(claimed(attempt), Retry(backoff=custom), error) == delay
    assert asked == [(attempt, error)]


def test_a_function_may_end_it() -> None:
    """A backoff function that says None ends its job dead, with the error and a reason."""
    retry = Retry(max_attempts=5, backoff=lambda _, error: None if error.args else 1.0)
    verdict = verdicts.failed(claimed(), retry, ValueError("hopeless"))
    assert (verdict.outcome, verdict.reason) == (Outcome.DEAD, "retry_declined")
    assert verdict.failure is not None
    assert verdict.failure.message == "hopeless"
    assert verdicts.failed(claimed(), retry, ValueError()).outcome is Outcome.RETRY


def test_a_function_hears_of_timeouts() -> None:
    """An attempt that ran out of time is a TimeoutError to the backoff function."""
    heard: list[type] = []

    def custom(_: int, error: BaseException) -> float:
        heard.append(type(error))
        return 3.0

    verdict = verdicts.timed_out(claimed(), Retry(backoff=custom), 30.0)
    assert (verdict.outcome, verdict.delay_ms, heard) == (Outcome.RETRY, 3000, [TimeoutError])


def test_the_last_attempt_asks_nobody() -> None:
    """A job whose attempts are used up is dead, whatever a function would say."""

    def custom(_: int, __: BaseException) -> float:
        raise AssertionError

    verdict = verdicts.failed(claimed(2), Retry(max_attempts=2, backoff=custom), ValueError("no"))
    assert (verdict.outcome, verdict.reason) == (Outcome.DEAD, "attempts_exhausted")


def test_a_submit_wins() -> None:
    """The backoff of a submit counts, and not its type's function."""
    own = Backoff(kind="fixed", delay=7.0, jitter=0.0)
    assert delay_after(claimed(backoff=own), Retry(backoff=lambda *_: 1.0), ValueError()) == 7.0


def _raises(_: int, __: BaseException) -> float:
    raise KeyError("broken")


@pytest.mark.parametrize(
    "function",
    [_raises, *(lambda *_, value=value: value for value in (math.nan, math.inf, -1, 1e300, "x"))],
)
def test_nonsense_does_not_lose_the_job(function: Any) -> None:
    """A backoff function that breaks or talks nonsense leaves its job with the default wait."""
    typed: BackoffFunction = function
    verdict = verdicts.failed(claimed(), Retry(backoff=typed), ValueError("no"))
    assert verdict.outcome is Outcome.RETRY
    spread = DEFAULT.delay * DEFAULT.jitter
    assert verdict.delay_ms / 1000 == pytest.approx(DEFAULT.delay, abs=spread)
