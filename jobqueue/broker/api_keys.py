"""API keys in Redis: one hash of records by id, one of when each was last used."""

from typing import Any

import msgspec

from jobqueue.access import ApiKey
from jobqueue.broker.commands import Commands
from jobqueue.broker.keys import Keys
from jobqueue.broker.resend import resend
from jobqueue.broker.scripts import Argument


class KeyStore:
    """The keys of one namespace.

    Every method raises RedisUnavailable where Redis does not answer: whether there is a key is
    then unknown, which is not the same as that there is none.
    """

    def __init__(self, channel: Commands, keys: Keys) -> None:
        self._channel = channel
        self._records = keys.api_keys
        self._used = keys.api_keys_used

    async def add(self, key: ApiKey) -> None:
        """Store a key; it counts at once."""
        await self._execute("HSET", self._records, key.id, msgspec.json.encode(key))

    async def get(self, key_id: str) -> ApiKey | None:
        """The key of this id; None: there is none."""
        record = await self._execute("HGET", self._records, key_id)
        return None if record is None else msgspec.json.decode(record, type=ApiKey)

    async def remove(self, key_id: str) -> bool:
        """Forget a key; whether there was one."""
        removed = await self._execute("HDEL", self._records, key_id)
        await self._execute("HDEL", self._used, key_id)
        return bool(removed)

    async def count(self) -> int:
        """How many keys there are."""
        return int(await self._execute("HLEN", self._records))

    async def all(self) -> list[tuple[ApiKey, int | None]]:
        """Each key, oldest first, with the Unix time in milliseconds when it was last used."""
        used = _pairs(await self._execute("HGETALL", self._used))
        records = _pairs(await self._execute("HGETALL", self._records))
        if gone := used.keys() - records.keys():  # a process used one that was just being removed
            await self._execute("HDEL", self._used, *gone)
        keys = [msgspec.json.decode(record, type=ApiKey) for record in records.values()]
        keys.sort(key=lambda key: (key.created_at_ms, key.id))
        return [(key, _number(used.get(key.id.encode()))) for key in keys]

    async def touch(self, key_id: str, used_at_ms: int) -> None:
        """Note when a key was used; asked once, as the next use tells it again."""
        await self._channel.execute("HSET", self._used, key_id, used_at_ms)

    async def _execute(self, *command: Argument) -> Any:
        return await resend(lambda: self._channel.execute(*command))


def _pairs(fields: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(fields[::2], fields[1::2], strict=True))


def _number(text: bytes | None) -> int | None:
    return None if text is None else int(text)
