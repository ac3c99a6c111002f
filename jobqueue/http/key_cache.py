"""API keys as this process knows them: read from Redis, believed for a second.

A key that is in use costs one read a second in each process, whatever the load. Where Redis does
not answer nothing older is believed, in either direction: the caller is told to try again later,
neither let in nor told that its key is wrong.
"""

import time
from collections import OrderedDict

import msgspec
import structlog

from jobqueue.access import ApiKey, Principal, is_secret_of, principal_of
from jobqueue.app.api_keys import ApiKeys, is_expired
from jobqueue.errors import JobqueueError

MAX_AGE = 1.0
"""Seconds for which a key is believed: so long a revoked one may go on at most."""

MAX_KEYS = 10_000
"""Keys that are remembered, some kilobytes each at most; the one not used for longest gives way."""

USED_INTERVAL = 60.0
"""Seconds between two notes that a key is used: more would be a write for each request."""

log = structlog.get_logger(__name__)


class _Entry(msgspec.Struct):
    key: ApiKey
    principal: Principal
    read_at: float


class KeyCache:
    """Finds the principals of secrets.

    Args:
        keys: all that there are.
    """

    def __init__(self, keys: ApiKeys) -> None:
        self._keys = keys
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._noted_at: OrderedDict[str, float] = OrderedDict()
        self._any: tuple[bool, float] = (True, -MAX_AGE)

    async def principal_of(self, key_id: str, secret: str) -> Principal | None:
        """Who has this secret; None: nobody, any more.

        Raises:
            Unavailable: Redis does not answer.
        """
        now = time.monotonic()
        entry = self._entries.get(key_id)
        if entry is None or now - entry.read_at >= MAX_AGE:
            entry = await self._read(key_id, now)
        if entry is None or not is_secret_of(secret, entry.key) or is_expired(entry.key):
            return None
        if now - self._noted_at.get(key_id, -USED_INTERVAL) >= USED_INTERVAL:
            await self._note(key_id, now)
        return entry.principal

    async def any(self) -> bool:
        """Whether there is any key, as of a second ago at most.

        Raises:
            Unavailable: Redis does not answer.
        """
        now = time.monotonic()
        found, read_at = self._any
        if now - read_at >= MAX_AGE:
            found = await self._keys.exist()
            self._any = found, now
        return found

    async def _read(self, key_id: str, now: float) -> _Entry | None:
        key = await self._keys.find(key_id)
        if key is None:
            self._entries.pop(key_id, None)
            return None
        entry = self._entries[key_id] = _Entry(key, principal_of(key), now)
        _shrink(self._entries, key_id)
        return entry

    async def _note(self, key_id: str, now: float) -> None:
        """Write that a key is used; its caller is served whether that succeeds or not."""
        self._noted_at[key_id] = now
        _shrink(self._noted_at, key_id)
        try:
            await self._keys.used(key_id)
        except JobqueueError as error:
            log.warning("use_of_key_not_noted", key=key_id, reason=str(error))


def _shrink(entries: OrderedDict[str, _Entry] | OrderedDict[str, float], newest: str) -> None:
    entries.move_to_end(newest)
    if len(entries) > MAX_KEYS:
        entries.popitem(last=False)
