"""Which slot of a Redis Cluster a key is in, and which node has which slot."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from redis.crc import key_slot

from jobqueue.broker.node import Endpoint
from jobqueue.broker.scripts import Argument

SLOTS = 16384
"""Fixed by the protocol of Redis Cluster."""

KEYLESS = frozenset({"CLIENT", "CONFIG", "INFO", "PING", "TIME"})
"""Commands that any node may answer; all others have their key as second word."""

_KNOWN_KEYS = 4096
"""Keys whose slot is remembered: the few of every queue that callers name."""


@lru_cache(_KNOWN_KEYS)
def slot_of(key: Argument) -> int:
    """The slot of a key."""
    return key_slot(key if isinstance(key, bytes) else str(key).encode())


def key_of(command: Sequence[Argument]) -> Argument | None:
    """The key of a command; None: it has none."""
    return None if command[0] in KEYLESS else command[1]


class SlotMap:
    """The master of each slot, as some node has told."""

    def __init__(self, ranges: Sequence[Any] = (), *, told_by: Endpoint = ("", 0)) -> None:
        """Read an answer of `CLUSTER SLOTS`.

        Args:
            ranges: of the answer.
            told_by: the node that gave it, which may leave out its own host.
        """
        self._owners: list[Endpoint | None] = [None] * SLOTS
        self.masters: list[Endpoint] = []
        for first, last, master, *_ in ranges:
            endpoint = ((master[0] or b"").decode() or told_by[0], int(master[1]))
            self._owners[first : last + 1] = [endpoint] * (last + 1 - first)
            if endpoint not in self.masters:
                self.masters.append(endpoint)

    def owner(self, slot: int) -> Endpoint | None:
        """The master of a slot; None: nobody has it."""
        return self._owners[slot]

    def move(self, slot: int, to: Endpoint) -> None:
        """A slot has another master."""
        self._owners[slot] = to
