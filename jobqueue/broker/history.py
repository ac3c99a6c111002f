"""What a job has behind it: what its parents made, and how its earlier deliveries ended."""

from typing import NamedTuple

import msgspec

from jobqueue.broker.commands import Commands
from jobqueue.broker.keys import Keys
from jobqueue.ids import ULID_LENGTH, split_job_id
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

    def __init__(self, channel: Commands, keys: Keys) -> None:
        self._channel = channel
        self._keys = keys

    async def inputs(self, job_id: str) -> dict[str, Input]:
        """What the parents of a job left to it, by their full ids, as far as they have ended."""
        names = split_job_id(job_id)
        if names is None:
            return {}
        queue, ulid = names
        fields = await self._channel.execute("HGETALL", self._keys.of(queue, f"{ulid}:inputs"))
        return {
            _full_id(queue, parent.decode()): _decode_input(kept)
            for parent, kept in zip(fields[::2], fields[1::2], strict=True)
        }

    async def timeline(self, job_id: str) -> list[Delivery]:
        """How a job's deliveries before the last one ended, oldest first; the newest 50."""
        names = split_job_id(job_id)
        if names is None:
            return []
        key = self._keys.of(names[0], f"{names[1]}:timeline")
        return [
            _decode_delivery(line) for line in await self._channel.execute("LRANGE", key, 0, -1)
        ]


def _full_id(queue: str, parent: str) -> str:
    """A parent's id as the scripts name it, short in its own queue, in full."""
    return f"{queue}-{parent}" if len(parent) == ULID_LENGTH else parent


def _decode_input(kept: bytes) -> Input:
    state, _, result = kept.partition(b" ")
    return Input(state.decode(), result)
