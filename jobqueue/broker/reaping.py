"""The reaper's pass over one queue: bounded steps, each atomic, safe beside other reapers."""

import asyncio

import msgspec

from jobqueue.broker import scripts
from jobqueue.broker.codec import retention_argument
from jobqueue.broker.commands import Commands
from jobqueue.broker.keys import Keys
from jobqueue.broker.outbox import Outbox
from jobqueue.settings import RetentionSettings

STEP = 128
"""Jobs of one step of a pass: about 2 ms of Redis, in which nobody else is served."""

MAX_CRASHES = 3
"""Workers that a job may take with it before it is dead."""

INBOX_PATIENCE_MS = 1000
"""How long a delivered job may wait in an inbox: its worker needs a millisecond."""

MIN_GAP_MS = 3000
"""A shorter time without a pass is no outage: passes are about a second apart."""

WORKER_SILENCE_MS = 60_000
"""When a worker without a beat is forgotten: twelve beats."""


class ReapReport(msgspec.Struct, frozen=True):
    """What one pass over a queue did.

    Attributes:
        dead: ids of jobs that ended dead because they kill their workers.
        cancelled: ids of lost jobs that somebody had cancelled.
        more: a step reached its bound: pass again at once.
    """

    promoted: int
    recovered: int
    returned: int
    removed: int
    dead: list[str]
    cancelled: list[str]
    more: bool


class Reaping:
    """Takes back what workers lost, makes due jobs runnable, removes what is too old."""

    def __init__(
        self, channel: Commands, keys: Keys, retention: RetentionSettings, outbox: Outbox
    ) -> None:
        self._channel = channel
        self._keys = keys
        self._retention = retention_argument(retention)
        self._outbox = outbox

    async def reap(self, queue: str, *, lease: float) -> ReapReport:
        """One pass over a queue; `lease` is its workers' lease in seconds."""
        meta, keep, call = self._keys.meta(queue), self._retention, self._channel.call
        lease_ms = round(lease * 1000)
        gap_ms = max(round(lease_ms / 3), MIN_GAP_MS)
        recovery, (promoted, waiting), returned, removed, relayed = await asyncio.gather(
            call(scripts.recover(meta, lease_ms, STEP, MAX_CRASHES, keep, gap_ms)),
            call(scripts.advance(meta, STEP, keep)),
            call(scripts.sweep(meta, INBOX_PATIENCE_MS, WORKER_SILENCE_MS, STEP)),
            call(scripts.retain(meta, STEP, keep)),
            self._outbox.relay(queue),
        )
        back, dead, cancelled, found = recovery
        return ReapReport(
            promoted=promoted,
            recovered=len(back) + len(dead) + len(cancelled),
            returned=returned,
            removed=removed,
            dead=_ids(queue, dead),
            cancelled=_ids(queue, cancelled),
            more=found == STEP or bool(waiting) or removed >= STEP or relayed,
        )

    async def beat_age(self, queue: str) -> float | None:
        """Seconds since the last pass over a queue by any reaper; None: never."""
        stamp, now = await asyncio.gather(
            self._channel.execute("HGET", self._keys.meta(queue), "reaped_at"),
            self._channel.execute("TIME"),
        )
        if stamp is None:
            return None
        return max(int(now[0]) + int(now[1]) / 1e6 - int(stamp) / 1000, 0.0)


def _ids(queue: str, ulids: list[bytes]) -> list[str]:
    return [f"{queue}-{ulid.decode()}" for ulid in ulids]
