r"""How schedules are written in Redis.

A definition is one string: all but the payload as JSON, newline, payload. How the schedule
stands is in the hash `schedule:<name>`, see schedules.lua.
"""

import hashlib
from enum import StrEnum
from typing import Any

import msgspec

from jobqueue.schedule import NO_PAYLOAD, Schedule, ScheduleInfo, ScheduleState

NEW = b" "
"""The stamp of a schedule that is not there."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Schedule).decode


class Phase(StrEnum):
    """States of a schedule that moves between queues; the others are `ScheduleState`'s."""

    MOVING = "moving"
    """New here: not to fire before it is gone from the queue it was in."""
    RETIRED = "retired"
    """On its way to another queue: never to fire here again."""


class Record(msgspec.Struct, frozen=True):
    """A schedule as one queue has it.

    Attributes:
        stamp: tells whether it was changed, or has fired, since it was read.
        due_ms: its next slot; None: it does not fire.
        standing: the fields of its hash.
    """

    name: str
    definition: bytes
    stamp: bytes
    due_ms: int | None
    standing: dict[str, str]

    @property
    def state(self) -> str:
        """A `ScheduleState` or a `Phase`."""
        return self.standing["state"]

    @property
    def digest(self) -> str:
        """Tells its definition from others."""
        return self.standing["digest"]

    def number(self, field: str) -> int | None:
        """A number of its standing; None where there is none yet."""
        text = self.standing.get(field)
        return int(text) if text else None

    def schedule(self) -> Schedule:
        """Its definition.

        Raises:
            msgspec.MsgspecError: another version wrote it.
        """
        head, _, payload = self.definition.partition(b"\n")
        return msgspec.structs.replace(_decode(head), payload=payload)


def encode_schedule(schedule: Schedule) -> bytes:
    """The string that a definition is in Redis."""
    head = msgspec.structs.replace(schedule, payload=NO_PAYLOAD)  # a default is not written
    return _encode(head) + b"\n" + schedule.payload


def digest_of(definition: bytes) -> str:
    """What tells a definition from others."""
    return hashlib.sha256(definition).hexdigest()[:32]


def decode_record(values: list[Any] | None) -> Record | None:
    """A record of `read_schedules` or `due_schedules`."""
    if not values:
        return None
    name, definition, stamp, due, fields = values
    texts = [field.decode() for field in fields]
    return Record(
        name=name.decode(),
        definition=definition,
        stamp=stamp,
        due_ms=int(due) if due else None,
        standing=dict(zip(texts[::2], texts[1::2], strict=True)),
    )


def info_of(record: Record) -> ScheduleInfo:
    """What users see of a schedule.

    Raises:
        msgspec.MsgspecError: another version wrote it.
    """
    schedule = record.schedule()
    last_job = record.standing.get("last_job")
    moving = record.state == Phase.MOVING
    return ScheduleInfo(
        schedule=schedule,
        state=ScheduleState.ACTIVE if moving else ScheduleState(record.state),
        next_slot_ms=None if moving else record.due_ms,
        last_slot_ms=record.number("last_slot") or None,
        last_job_id=f"{schedule.queue}-{last_job}" if last_job else None,
        fired=record.number("fired") or 0,
        skipped=record.number("skipped") or 0,
    )
