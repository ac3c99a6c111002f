"""What an attempt's end means, for every kind of job and number of attempts."""

import math

import hiredis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.broker.codec import verdict_arguments
from jobqueue.errors import Cancelled, JobOutcome, RateLimited, Snooze, Unrecoverable
from jobqueue.model import ClaimedJob, Outcome
from jobqueue.retry import Backoff, Retry
from jobqueue.submission import JobOptions
from jobqueue.worker import verdicts

RETRY = Retry(max_attempts=3, backoff=Backoff(kind="fixed", delay=2.0, jitter=0.0))


def claimed(attempt: int = 1, **options: object) -> ClaimedJob:
    """A delivery of a job."""
    return ClaimedJob(
        id="q-1",
        queue="q",
        type="t",
        payload=b"{}",
        options=JobOptions(**options),  # type: ignore[arg-type]  # the test's own
        token="token",  # noqa: S106 - a fencing token, not a secret
        attempt=attempt,
        deliveries=1,
        crashes=0,
    )


@given(attempt=st.integers(1, 20), at_most=st.integers(1, 20))
def test_attempts_are_used_up_exactly(attempt: int, at_most: int) -> None:
    """A failed attempt is retried if and only if it was not the last."""
    verdict = verdicts.failed(claimed(attempt, max_attempts=at_most), RETRY, ValueError("no"))
    assert verdict.outcome is (Outcome.RETRY if attempt < at_most else Outcome.DEAD)
    assert verdict.failure is not None
    assert verdict.failure.attempt == attempt
    assert (verdict.delay_ms == 2000) == (verdict.outcome is Outcome.RETRY)


any_text = st.text(st.characters())  # lone surrogates too


@given(code=any_text, message=any_text)
def test_any_words_of_a_user_make_a_verdict(code: str, message: str) -> None:
    """Whatever a handler says, its verdict is bounded, and can be sent."""
    verdict = verdicts.failed(claimed(), RETRY, Unrecoverable(code, message))
    assert verdict.outcome is Outcome.DEAD
    assert verdict.failure is not None
    assert len(verdict.failure.message) <= verdicts.MAX_MESSAGE
    assert len(verdict.reason or "") <= verdicts.MAX_CODE
    for error in (Unrecoverable(code, message), Cancelled(code), ValueError(message)):
        arguments = verdict_arguments(verdicts.failed(claimed(), RETRY, error))
        assert hiredis.pack_command(arguments)  # type: ignore[arg-type]  # its stub says one item


def test_an_error_may_name_itself() -> None:
    """An exception's own `code` is what is kept; an errno is no code."""

    class Refused(Exception):
        code = "refused"

    class Numbered(Exception):
        code = 7

    codes = []
    for error in (Refused("x"), Numbered("x")):
        failure = verdicts.failed(claimed(), RETRY, error).failure
        codes.append(failure.code if failure else None)
    assert codes == ["refused", "Numbered"]


def test_a_negative_snooze_is_at_once() -> None:
    """A snooze into the past means now."""
    verdict = verdicts.failed(claimed(), RETRY, Snooze(-5))
    assert (verdict.outcome, verdict.delay_ms) == (Outcome.SNOOZE, 0)


@pytest.mark.parametrize("outcome", [Snooze, RateLimited])
@pytest.mark.parametrize("delay", [math.nan, math.inf, 1e300])
def test_a_delay_that_is_none_is_refused(
    outcome: type[Snooze] | type[RateLimited], delay: float
) -> None:
    """Who asks for a delay that never ends is told so where it asks."""
    with pytest.raises(ValueError, match="a delay is 0 to"):
        outcome(delay)


def test_being_rate_limited_is_no_failure() -> None:
    """A handler that met a limit gives its job back for later, with nothing to blame."""
    verdict = verdicts.failed(claimed(3), RETRY, RateLimited(1.5))
    assert (verdict.outcome, verdict.delay_ms) == (Outcome.RATE_LIMITED, 1500)
    assert verdict.failure is None


def test_an_outcome_of_ones_own_is_an_error() -> None:
    """An outcome that only the user's program knows is a failed attempt like any other."""

    class Later(JobOutcome):
        """Unknown to the worker."""

    verdict = verdicts.failed(claimed(), RETRY, Later("x"))
    assert verdict.outcome is Outcome.RETRY
