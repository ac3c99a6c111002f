"""Schedules one call at a time: in their queue, and in the namespace's list of them."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from jobqueue.broker import scripts
from jobqueue.broker.commands import Commands
from jobqueue.broker.keys import Keys
from jobqueue.broker.resend import resend
from jobqueue.broker.schedule_records import Record, decode_record
from jobqueue.ids import new_ulid

READ_SCHEDULES = 100
"""Schedules of one read: their payloads may be large."""


class Places(msgspec.Struct, frozen=True):
    """Where a schedule may be.

    Attributes:
        queues: the newest first; one, unless it is being moved, none where there is none.
        written: how it is written in Redis.
    """

    queues: tuple[str, ...] = ()
    written: bytes = b""


class ScheduleStore:
    """Reads schedules, and changes them where nobody else has meanwhile."""

    def __init__(self, channel: Commands, keys: Keys) -> None:
        self._channel = channel
        self._keys = keys

    async def places(self, name: str) -> Places:
        """Where a schedule may be."""
        return _places(await self._execute("HGET", self._keys.schedules, name))

    async def all_places(self) -> dict[str, Places]:
        """Where each schedule of the namespace may be."""
        fields: list[bytes] = await self._execute("HGETALL", self._keys.schedules)
        return {
            name.decode(): _places(text)
            for name, text in zip(fields[::2], fields[1::2], strict=True)
        }

    async def place(self, name: str, expected: Places, queues: Sequence[str]) -> Places | None:
        """Write where a schedule may be; None: that is no longer what was `expected`."""
        written = " ".join((new_ulid(), *queues)) if queues else ""
        call = scripts.place_schedule(self._keys.schedules, name, expected.written, written)
        if not await resend(lambda: self._channel.call(call)):
            return None
        return Places(tuple(queues), written.encode())

    async def introduce(self, queue: str) -> None:
        """Enter a queue into the list of queues, which the reaper passes over."""
        await self._execute("SADD", self._keys.queues, queue)

    async def read(self, queue: str, name: str) -> tuple[int, Record | None]:
        """Redis' time in milliseconds, and a schedule as a queue has it."""
        now_ms, records = await self.read_many(queue, [name])
        return now_ms, records[0] if records else None

    async def read_many(self, queue: str, names: Sequence[str]) -> tuple[int, list[Record]]:
        """Redis' time in milliseconds, and those of at most 100 schedules that the queue has."""
        call = scripts.read_schedules(self._keys.meta(queue), names)
        now_ms, *answers = await resend(lambda: self._channel.call(call))
        return now_ms, [record for record in map(decode_record, answers) if record]

    async def change(
        self,
        queue: str,
        name: str,
        expected: bytes,
        *,
        state: str,
        due_ms: int | None = None,
        definition: bytes = b"",
        digest: str = "",
        fields: Iterable[str | int] = (),
    ) -> bool:
        """Change a schedule; False: it no longer stands as `expected`.

        Args:
            queue: where it is.
            name: of it.
            expected: the stamp with which it was read.
            state: its new state.
            due_ms: its next slot; None: it does not fire.
            definition: the new one; empty: as it was.
            digest: of that definition.
            fields: further fields of its standing, each with its value.
        """
        call = scripts.set_schedule(
            self._keys.meta(queue),
            name,
            expected,
            new_ulid(),
            state,
            "" if due_ms is None else due_ms,
            definition,
            digest,
            tuple(fields),
        )
        return bool(await resend(lambda: self._channel.call(call)))

    async def remove(self, queue: str, record: Record) -> bool:
        """Remove a schedule from a queue; False: it has changed since it was read."""
        call = scripts.remove_schedule(self._keys.meta(queue), record.name, record.stamp)
        return bool(await resend(lambda: self._channel.call(call)))

    async def _execute(self, *command: str) -> Any:
        return await resend(lambda: self._channel.execute(*command))


def _places(written: bytes | None) -> Places:
    """What the namespace's list says of a schedule: a revision, then queues."""
    return Places(tuple(written.decode().split()[1:]), written) if written else Places()
