"""What keeps a pool from starting jobs."""

from time import monotonic

from jobqueue.limits import Rate
from jobqueue.worker.throttle import UNLIMITED, Throttle
from tests.support.wait import eventually


class Watched:
    """A throttle, and what it told."""

    def __init__(self, rate: Rate | None = None) -> None:
        self.told: list[tuple[str, int]] = []
        self.throttle = Throttle(rate)
        self.throttle.when_changed(
            opened=lambda: self.told.append(("opened", self.throttle.room())),
            shut=lambda: self.told.append(("shut", self.throttle.room())),
        )


async def test_nothing_is_barred_without_a_reason() -> None:
    """A pool without a rate may start as many jobs as it has slots for."""
    watched = Watched()
    for _ in range(3):
        watched.throttle.reserve()
        watched.throttle.started()
    assert (watched.throttle.room(), watched.told) == (UNLIMITED, [])


async def test_what_was_claimed_counts_before_it_starts() -> None:
    """Jobs that were claimed and did not start yet are part of the rate, until they are let go."""
    watched = Watched(Rate(3, 60.0))
    for _ in range(3):
        watched.throttle.reserve()
    assert watched.throttle.room() == 0
    watched.throttle.started()
    watched.throttle.released()
    assert watched.throttle.room() == 1
    watched.throttle.close()


async def test_room_that_comes_while_jobs_wait_to_start_is_told() -> None:
    """Old starts that leave the window make room although claimed jobs have not started yet."""
    watched = Watched(Rate(2, 0.1))
    watched.throttle.reserve()
    watched.throttle.started()
    watched.throttle.reserve()  # and it never starts
    assert watched.throttle.room() == 0
    await eventually(lambda: watched.told == [("opened", 1)])
    watched.throttle.close()


async def test_the_longest_hold_counts() -> None:
    """A pool that met two limits opens when both are over, and once."""
    watched = Watched()
    began = monotonic()
    watched.throttle.hold(0.05)
    watched.throttle.hold(0.2)
    watched.throttle.hold(0.01)
    assert watched.told == [("shut", 0)] * 3
    await eventually(lambda: watched.told[3:] == [("opened", UNLIMITED)])
    assert monotonic() - began >= 0.2


async def test_what_shuts_it_adds_up() -> None:
    """An operator's word, a hold and a rate each keep it shut whatever the others say."""
    watched = Watched(Rate(1, 1.0))
    watched.throttle.set_quiet(True)
    watched.throttle.hold(0.05)
    hold_ends = monotonic() + 0.05
    watched.throttle.reserve()
    watched.throttle.started()
    watched.throttle.set_quiet(True)  # no news
    await eventually(lambda: monotonic() > hold_ends)
    assert watched.told == [("shut", 0), ("shut", 0)]
    watched.throttle.set_quiet(False)
    assert watched.told[2:] == [("opened", 0)]
    await eventually(lambda: watched.told[3:] == [("opened", 1)])


async def test_a_closed_throttle_says_nothing() -> None:
    """What was shut when its worker ended does not wake anything later."""
    watched = Watched(Rate(1, 0.05))
    watched.throttle.reserve()
    watched.throttle.started()
    timer = watched.throttle._timer
    assert timer is not None
    watched.throttle.close()
    assert timer.cancelled()
