"""Verdicts on their way to Redis."""

from jobqueue.model import Outcome, Verdict
from jobqueue.worker.outbox import MAX_BYTES, MAX_VERDICTS, Outbox


def verdict(number: int, size: int = 4) -> Verdict:
    """A verdict with a result of so many bytes."""
    return Verdict(f"q-{number}", "token", Outcome.COMPLETED, result=b"x" * size)


def drained(outbox: Outbox) -> list[list[str]]:
    """The ids of each call until the outbox is empty."""
    calls = []
    while outbox:
        calls.append([one.id for one in outbox.take()])
    return calls


def test_one_call_takes_what_there_is() -> None:
    """Small verdicts leave together, in their order, as many as a call may hold."""
    outbox = Outbox()
    for number in range(MAX_VERDICTS + 1):
        outbox.add(verdict(number))
    first, second = drained(outbox)
    assert first == [f"q-{number}" for number in range(MAX_VERDICTS)]
    assert second == [f"q-{MAX_VERDICTS}"]


def test_large_results_go_in_parts() -> None:
    """Calls stay within their bytes, but a verdict larger than that still leaves."""
    outbox = Outbox()
    for number, size in enumerate((MAX_BYTES // 2, MAX_BYTES // 2, 1, 2 * MAX_BYTES, 1)):
        outbox.add(verdict(number, size))
    assert drained(outbox) == [["q-0", "q-1"], ["q-2"], ["q-3"], ["q-4"]]


def test_what_comes_back_leaves_first() -> None:
    """After a call without an answer its verdicts are sent again, before newer ones."""
    outbox = Outbox()
    outbox.add(verdict(1))
    outbox.add(verdict(2))
    sent = outbox.take()
    outbox.add(verdict(3))
    outbox.put_back(sent)
    assert drained(outbox) == [["q-1", "q-2", "q-3"]]
