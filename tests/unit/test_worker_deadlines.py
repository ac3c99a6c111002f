"""One timer for all deadlines."""

from time import monotonic

from typing_extensions import override

from jobqueue.worker.deadlines import SWEEP_AT, Deadlines
from tests.support.wait import eventually


class Timed:
    """Notes when it was due."""

    def __init__(self) -> None:
        self.ended = False
        self.due_at: list[float] = []

    def due(self, now: float) -> None:
        """Note it."""
        self.due_at.append(now)


async def test_deadlines_pass_in_their_order() -> None:
    """Deadlines are noticed when they pass, in whatever order they were set."""
    deadlines, start = Deadlines(), monotonic()
    timed = {delay: Timed() for delay in (0.06, 0.02, 0.04)}
    for delay, one in timed.items():
        deadlines.add(start + delay, one)
    await eventually(lambda: all(one.due_at for one in timed.values()))
    for delay, one in timed.items():
        assert len(one.due_at) == 1
        assert one.due_at[0] >= start + delay
    assert len(deadlines) == 0


async def test_what_ended_is_not_due() -> None:
    """An attempt that ended before its deadline hears nothing of it."""
    deadlines = Deadlines()
    ended, last = Timed(), Timed()
    deadlines.add(monotonic() + 0.01, ended)
    deadlines.add(monotonic() + 0.02, last)
    ended.ended = True
    await eventually(lambda: last.due_at)
    assert not ended.due_at


async def test_ended_attempts_do_not_pile_up() -> None:
    """A million short jobs with long deadlines do not fill the memory."""
    deadlines = Deadlines()
    running = [Timed() for _ in range(10)]
    for one in running:
        deadlines.add(monotonic() + 3600, one)
    for _ in range(10_000):
        short = Timed()
        deadlines.add(monotonic() + 300, short)
        short.ended = True
        assert len(deadlines) <= SWEEP_AT + 1
    deadlines.close()
    assert len(deadlines) == 0


async def test_a_deadline_may_be_set_while_one_passes() -> None:
    """What is due may set its next deadline there and then."""
    deadlines = Deadlines()

    class Again(Timed):
        @override
        def due(self, now: float) -> None:
            super().due(now)
            if len(self.due_at) < 3:
                deadlines.add(now + 0.005, self)

    again = Again()
    deadlines.add(monotonic(), again)
    await eventually(lambda: len(again.due_at) == 3)
    assert again.due_at == sorted(again.due_at)
