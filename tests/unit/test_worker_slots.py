"""The slots of a queue, and whose turn it is."""

from jobqueue.worker.slots import TURN, Share, Slots


class Partitions:
    """Some partitions of one queue, by name."""

    def __init__(self, total: int, names: str) -> None:
        self.slots = Slots(total)
        self.woken: list[str] = []
        self.shares: dict[str, Share] = {}
        for name in names:
            self.shares[name] = self.slots.share(lambda name=name: self.woken.append(name))  # type: ignore[misc]  # bound now

    def __getitem__(self, name: str) -> Share:
        return self.shares[name]

    def free(self) -> dict[str, int]:
        """What each may fill now."""
        return {name: share.free for name, share in self.shares.items()}


def full(total: int, names: str) -> Partitions:
    """Partitions of which the first has all slots."""
    partitions = Partitions(total, names)
    for _ in range(total):
        partitions[names[0]].enter()
    return partitions


def test_while_nobody_waits_anybody_may_have_all() -> None:
    """No slot is set apart for partitions that have no jobs."""
    partitions = Partitions(3, "abc")
    assert partitions.free() == {"a": 3, "b": 3, "c": 3}
    partitions["a"].enter()
    assert partitions.free() == {"a": 2, "b": 2, "c": 2}


def test_slots_of_a_call_are_not_given_twice() -> None:
    """What a call may bring has its slots until the call has ended."""
    partitions = Partitions(3, "ab")
    partitions["a"].keep(2)
    assert partitions.free() == {"a": 1, "b": 1}
    partitions["a"].give_back(2)
    partitions["a"].enter()
    assert partitions.free() == {"a": 2, "b": 2}


def test_a_free_slot_goes_to_who_has_waited_longest() -> None:
    """A partition that ends a job does not get its slot back while others wait for one."""
    partitions = full(1, "abc")
    partitions["b"].wait(eager=True)
    partitions["c"].wait(eager=True)
    partitions["b"].wait(eager=True)  # does not lose its place
    partitions["a"].leave()
    partitions["a"].wait(eager=True)
    assert partitions.woken == ["b"]
    assert partitions.free() == {"a": 0, "b": 1, "c": 0}
    partitions["b"].keep(1)
    partitions["b"].give_back(1)
    assert partitions.free() == {"a": 0, "b": 0, "c": 1}


def test_several_free_slots_are_shared_out() -> None:
    """Who is first leaves as many to each of those behind, where that is worth a call."""
    partitions = full(30, "abc")
    for name in "abc":
        partitions[name].wait(eager=True)
    for _ in range(28):
        partitions["a"].leave()
    assert partitions.free() == {"a": 10, "b": 0, "c": 0}
    partitions["a"].keep(10)
    assert partitions.woken[-1] == "b"
    assert partitions.free() == {"a": 0, "b": 9, "c": 0}
    partitions["b"].keep(9)
    assert partitions.free() == {"a": 0, "b": 0, "c": 9}
    partitions["c"].keep(9)
    assert set(partitions.free().values()) == {0}


def test_few_free_slots_are_not_divided() -> None:
    """A turn is worth a call: those behind have theirs next."""
    partitions = full(10, "abc")
    partitions["b"].wait(eager=True)
    partitions["c"].wait(eager=True)
    for _ in range(TURN + 1):
        partitions["a"].leave()
    assert partitions.free() == {"a": 0, "b": TURN, "c": 0}
    partitions["b"].keep(TURN)
    assert partitions.free() == {"a": 0, "b": 0, "c": 1}


def test_idle_partitions_come_last() -> None:
    """One that only wants to wait for jobs is told when nobody who has some needs the slot."""
    partitions = full(1, "abc")
    partitions["b"].wait(eager=False)
    partitions["c"].wait(eager=True)
    partitions["a"].leave()
    assert partitions.woken == ["c"]
    partitions["c"].keep(0)
    assert partitions.woken == ["c", "b"]
    partitions.slots.pass_on()
    assert partitions.woken == ["c", "b"]


def test_one_that_is_gone_keeps_nobody_waiting() -> None:
    """A partition that waits no more passes its turn on."""
    partitions = full(1, "abc")
    partitions["b"].wait(eager=True)
    partitions["c"].wait(eager=True)
    partitions["a"].leave()
    partitions["b"].forget()
    assert partitions.woken == ["b", "c"]
    assert partitions.free() == {"a": 0, "b": 0, "c": 1}
