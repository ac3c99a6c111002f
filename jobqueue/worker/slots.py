"""The slots of one queue in one worker, which its partitions share.

A slot that becomes free goes to the partition that has waited longest for one: so none starves
behind another that refills its own, and no slot stays empty while one of them has jobs. A partition
that looks for jobs has its slots for as long as the call takes; one that is idle has none.
"""

from collections.abc import Callable

TURN = 8
"""Slots that a partition may fill in its turn at least: calls that bring fewer jobs cost the
worker more than it gains the partitions behind, whose turn is next."""


class Slots:
    """Counts what is taken, and tells whose turn it is.

    Attributes:
        total: how many there are.
        claiming: kept for calls that are under way.
        unused: that nobody has.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.claiming = 0
        self.unused = total
        self._waiting: dict[Share, None] = {}
        """Partitions that have jobs for all they know, in the order in which they came."""
        self._idle: dict[Share, None] = {}
        """Partitions that have none for all they know, and would wait for some in Redis."""

    @property
    def busy(self) -> int:
        """Slots in which something runs, or waits to run alone."""
        return self.total - self.unused - self.claiming

    def share(self, wake: Callable[[], None]) -> "Share":
        """For one more partition; `wake` is called when it may have slots that it has not now."""
        return Share(self, wake)

    def free_for(self, share: "Share") -> int:
        """Slots that a partition may fill now: its part, or none while others are before it."""
        if not self._waiting:
            return self.unused
        if next(iter(self._waiting)) is not share:
            return 0
        part = -(-self.unused // len(self._waiting))
        return min(max(part, TURN), self.unused)

    def wait(self, share: "Share", *, eager: bool) -> None:
        """Let a partition have its turn; it keeps its place if it has one."""
        if eager:
            self._idle.pop(share, None)
            self._waiting.setdefault(share)
        else:
            self._idle.setdefault(share)

    def forget(self, share: "Share") -> None:
        """A partition waits no more."""
        self._idle.pop(share, None)
        if share in self._waiting:
            del self._waiting[share]
            self.pass_on()

    def pass_on(self) -> None:
        """Wake whoever may have what is unused."""
        if not self.unused:
            return
        if self._waiting:
            next(iter(self._waiting)).wake()
        elif self._idle:
            idle, self._idle = self._idle, {}
            for share in idle:
                share.wake()


class Share:
    """What one partition has of the slots.

    Attributes:
        busy: slots in which its jobs are.
        wake: see `Slots.share`.
    """

    def __init__(self, slots: Slots, wake: Callable[[], None]) -> None:
        self.busy = 0
        self.wake = wake
        self._slots = slots

    @property
    def free(self) -> int:
        """Slots that a claim may fill now."""
        return self._slots.free_for(self)

    def enter(self) -> None:
        """A job takes a slot."""
        self.busy += 1
        self._slots.unused -= 1

    def leave(self) -> None:
        """A job's slot is free again."""
        self.busy -= 1
        self._slots.unused += 1
        self._slots.pass_on()

    def keep(self, count: int) -> None:
        """A call leaves that may bring so many jobs; the partition has had its turn."""
        self._slots.claiming += count
        self._slots.unused -= count
        self._slots.forget(self)

    def give_back(self, count: int) -> None:
        """That call has ended: what it brought takes its slots, and then the rest is passed on."""
        self._slots.claiming -= count
        self._slots.unused += count

    def wait(self, *, eager: bool) -> None:
        """Be woken when there are slots; `eager` where there may be jobs for them."""
        self._slots.wait(self, eager=eager)

    def forget(self) -> None:
        """Wait for no more slots."""
        self._slots.forget(self)
