"""What a job has behind it: what its parents made, and how its earlier deliveries ended."""

from typing import NamedTuple

import msgspec

from jobqueue.broker.commands import Commands
from jobqueue.broker.forwards import Forwards
from jobqueue.broker.keys import Keys
from jobqueue.ids import ULID_LENGTH
from jobqueue.model import Delivery

_decode_delivery = msgspec.json.Decoder(Delivery).decode


class Input(NamedTuple):
    """What a parent left to a job that depended on it.

    Attributes:
        state: its final state, or `gone` where it was not known any more.
        result: as its handler returned it, in JSON; empty where it has none.
    """

    state: str
    result: bytes


class History:
    """Reads what jobs keep beside their spec and status; changes nothing."""

    def __init__(self, channel: Commands, keys: Keys, forwards: Forwards) -> None:
        self._channel = channel
        self._keys = keys
        self._forwards = forwards

    async def inputs(self, job_id: str) -> dict[str, Input]:
        """What the parents of a job left to it, by their full ids, as far as they have ended."""
        return await self._forwards.follow(job_id, self._inputs) or {}

    async def _inputs(self, queue: str, ulid: str) -> dict[str, Input] | None:
        fields = await self._channel.execute("HGETALL", self._keys.of(queue, f"{ulid}:inputs"))
        found = {
            _full_id(queue, parent.decode()): _decode_input(kept)
            for parent, kept in zip(fields[::2], fields[1::2], strict=True)
        }
        return found or None

    async def timeline(self, job_id: str) -> list[Delivery]:
        """How a job's deliveries before the last one ended, oldest first; the newest 50."""
        lines = await self._forwards.follow(job_id, self._timeline) or []
        return [_decode_delivery(line) for line in lines]

    async def _timeline(self, queue: str, ulid: str) -> list[bytes] | None:
        key = self._keys.of(queue, f"{ulid}:timeline")
        return await self._channel.execute("LRANGE", key, 0, -1) or None


def _full_id(queue: str, parent: str) -> str:
    """A parent's id as the scripts name it, short in its own queue, in full."""
    return f"{queue}-{parent}" if len(parent) == ULID_LENGTH else parent


def _decode_input(kept: bytes) -> Input:
    state, _, result = kept.partition(b" ")
    return Input(state.decode(), result)
