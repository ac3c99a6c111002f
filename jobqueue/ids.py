"""Job ids: `<queue>-<ULID>`, sortable by the time they were made; and where a job of it is.

ULID (https://github.com/ulid/spec): 48 bits of Unix milliseconds and 80 random
bits in Crockford's base 32. Ids made within one millisecond by one process count
upwards, so that the order of a bulk submit is the order of its ids.

A queue may be split in partitions, each of which is a queue to Redis: the first has the name of
the whole, the others that name, a dot, which no queue may have in its name, and a number. The id of
a job begins with its partition.
"""

import hashlib
import os
import re
import time

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_AS_PYTHON_HAS_IT = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")
_PAIRS = [high + low for high in _ALPHABET for low in _ALPHABET]

_LAST_TAIL = (1 << 20) - 1

ULID_LENGTH = 26
MAX_PARTITIONS = 64
"""Partitions of a queue: several for each master of a large cluster. A worker waits in each of them
on a connection of its own."""

_PARTITION = r"[a-z0-9][a-z0-9-]{0,62}(?:\.[1-9][0-9]?)?"
_JOB_ID = re.compile(rf"({_PARTITION})-([0-7][{_ALPHABET}]{{25}})")


class _UlidFactory:
    """Makes monotonic ULIDs; one instance a process."""

    def __init__(self) -> None:
        self._milliseconds = 0
        self._random = 0
        self._head = ""
        self._tail = 0

    def __call__(self) -> str:
        milliseconds = time.time_ns() // 1_000_000
        if milliseconds > self._milliseconds:
            self._milliseconds = milliseconds
            # the top bit stays free, so that counting up cannot overflow
            self._set_random(int.from_bytes(os.urandom(10)) >> 1)
        elif self._tail == _LAST_TAIL:
            self._set_random(self._random + 1)
        else:
            self._tail += 1
        return self._head + _PAIRS[self._tail >> 10] + _PAIRS[self._tail & 1023]

    def _set_random(self, number: int) -> None:
        """Go on with `number`, as text but for its last four characters, which are counted up."""
        self._random = number | _LAST_TAIL
        self._head = _base32(self._milliseconds, 5) + _base32(number >> 20, 6)
        self._tail = number & _LAST_TAIL


def _base32(number: int, pairs: int) -> str:
    """`number` as `2 * pairs` characters of Crockford's base 32."""
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(10 * (pairs - 1), -10, -10)])


new_ulid = _UlidFactory()


def new_job_id(queue: str) -> str:
    """A fresh id for a job of `queue`."""
    return f"{queue}-{new_ulid()}"


def derived_ulid(milliseconds: int, seed: str) -> str:
    """The ULID of a time whose random part follows from `seed` and the time."""
    digest = hashlib.sha256(f"{seed} {milliseconds}".encode()).digest()
    return _base32(milliseconds, 5) + _base32(int.from_bytes(digest[:10]), 8)


def partition_names(queue: str, count: int) -> list[str]:
    """The names of the partitions of a queue that has so many."""
    return [queue, *(f"{queue}.{number}" for number in range(1, count))]


def queue_of(partition: str) -> str:
    """The queue that a partition is of."""
    return partition.partition(".")[0]


def partition_of(job_id: str) -> str:
    """The partition of an id that was made by `new_job_id`: a queue, or a part of one."""
    return job_id[: -ULID_LENGTH - 1]


def split_job_id(job_id: str) -> tuple[str, str] | None:
    """The partition and the ULID of a job id; None when it is not one."""
    match = _JOB_ID.fullmatch(job_id)
    return (match[1], match[2]) if match else None


def created_at_ms(ulid: str) -> int:
    """The Unix time in milliseconds at which a ULID was made."""
    return int(ulid[:10].translate(_AS_PYTHON_HAS_IT), 32)
