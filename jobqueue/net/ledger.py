"""What one job asked of the network, what became of it, and how much it has left."""

import asyncio
from typing import Literal

import msgspec
from typing_extensions import override

Outcome = Literal["loaded", "refused", "failed", "cut", "missing"]
"""loaded: answered, with whatever status. cut: broken off by a limit. missing: no such file."""

MAX_ENTRIES = 200
"""Entries that are kept, the first: they name what a document does. The rest is counted."""

MAX_HOSTS = 1000
"""Hosts of which the last outcome is remembered."""

MAX_TARGET = 300
"""Characters of an address that are kept."""

MIB = 1024 * 1024


class EgressLimits(msgspec.Struct, frozen=True):
    """What one job may ask of the network.

    Attributes:
        requests: tunnels count as one each, whatever is asked through them.
        size: bytes in both directions, all requests together.
        seconds: of one request or tunnel, from its first byte to its last.
        connections: requests and tunnels at once.
    """

    requests: int = 1000
    size: int = 128 * MIB
    seconds: float = 60.0
    connections: int = 64


class Entry(msgspec.Struct, frozen=True):
    """One request.

    Attributes:
        target: URL, or `host:port` of a tunnel, without its query: secrets stand there.
        note: why it was not loaded.
        size: bytes that were received.
    """

    method: str
    target: str
    host: str
    port: int
    outcome: Outcome
    note: str
    size: int = 0

    @override
    def __str__(self) -> str:
        if self.outcome == "loaded":
            return f"{self.method} {self.target}: {self.size} bytes"
        return f"{self.method} {self.target}: {self.outcome}, {self.note}"


class LimitReached(Exception):
    """A job has used up what it may ask of the network."""


class Ledger:
    """The account of one job.

    Attributes:
        entries: what was asked, in the order in which it ended.
        omitted: how many entries more there were.
        exhausted: the limit that the job has reached; None while it has not.
    """

    def __init__(self, limits: EgressLimits) -> None:
        self.entries: list[Entry] = []
        self.omitted = 0
        self.exhausted: str | None = None
        self._limits = limits
        self._requests = 0
        self._size = 0
        self._used_up = asyncio.Event()
        self._verdicts: dict[tuple[str, int], Entry] = {}

    def add(self, entry: Entry) -> None:
        """Note what became of a request."""
        place = entry.host, entry.port
        if place in self._verdicts or len(self._verdicts) < MAX_HOSTS:
            self._verdicts[place] = entry
        if len(self.entries) < MAX_ENTRIES:
            self.entries.append(entry)
        else:
            self.omitted += 1

    def last_of(self, host: str, port: int) -> Entry | None:
        """What became of the last request to a host."""
        return self._verdicts.get((host, port))

    def begin_request(self) -> None:
        """Count a request.

        Raises:
            LimitReached: it is one too many, or there is nothing left.
        """
        self._requests += 1
        if self._requests > self._limits.requests:
            self._exhaust(f"it asked for more than {self._limits.requests} addresses")
        if self.exhausted is not None:
            raise LimitReached(self.exhausted)

    def spend(self, size: int) -> None:
        """Count bytes.

        Raises:
            LimitReached: they are too many.
        """
        self._size += size
        if self._size > self._limits.size:
            self._exhaust(f"it loaded more than {self._limits.size} bytes")
        if self.exhausted is not None:
            raise LimitReached(self.exhausted)

    def _exhaust(self, reason: str) -> None:
        if self.exhausted is None:
            self.exhausted = reason
            self._used_up.set()

    async def used_up(self) -> None:
        """Wait until a limit is reached."""
        await self._used_up.wait()
