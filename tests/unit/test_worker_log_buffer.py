"""Lines on their way into jobs' logs."""

from hypothesis import given
from hypothesis import strategies as st

from jobqueue.broker.consumer import Lease
from jobqueue.job_log import MAX_LOG_LINES
from jobqueue.worker.log_buffer import LogBuffer, as_sent

LEASE = Lease("q-1", "token")
steps = st.lists(st.one_of(st.integers(1, 400), st.booleans()), max_size=30)


@given(steps=steps)
def test_the_newest_lines_leave_in_order(steps: list[int | bool]) -> None:
    """Whatever is sent, or comes back and is sent again, no line is late, missing or renumbered."""
    buffer = LogBuffer()
    expected: list[int] = []  # numbers of the lines that are not sent
    count = 0
    for step in steps:
        if isinstance(step, bool):
            taken = buffer.take()
            numbers = [line.number for line in taken.get(LEASE, ())]
            assert numbers == expected
            assert [line.text for line in taken.get(LEASE, ())] == [str(n) for n in numbers]
            if step:
                buffer.put_back(taken)
            else:
                expected = []
        else:
            for _ in range(step):
                count += 1
                buffer.add(LEASE, str(count))
                expected.append(count)
            expected = expected[-MAX_LOG_LINES:]
        assert bool(buffer) == bool(expected)


def test_what_comes_back_goes_before_what_came_since() -> None:
    """Lines that could not be sent leave first next time, as one run of numbers."""
    buffer = LogBuffer()
    buffer.add(LEASE, "one")
    taken = buffer.take()
    buffer.add(LEASE, "two")
    buffer.put_back(taken)
    sent = as_sent(buffer.take()[LEASE])
    assert (sent.first, [text for _, text in sent.lines]) == (1, ["one", "two"])


def test_nothing_is_kept_of_what_is_over() -> None:
    """The buffer of a worker that runs for weeks does not grow with the jobs it ran."""
    buffer = LogBuffer()
    for number in range(10):
        buffer.add(Lease(f"q-{number}", "token"), "line")
    buffer.forget(lambda _: True)
    assert len(buffer._numbers) == 10  # none of them is sent yet
    buffer.take()
    buffer.forget(lambda lease: lease.job_id != "q-3")
    assert [lease.job_id for lease in buffer._numbers] == ["q-3"]
