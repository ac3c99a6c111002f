"""The audit log in Redis: a bounded stream, the newest records of a namespace."""

import re

import msgspec

from jobqueue.audit import AuditEntry, AuditRecord
from jobqueue.broker.commands import Commands
from jobqueue.broker.keys import Keys
from jobqueue.broker.resend import resend
from jobqueue.errors import FieldError, InvalidRequest

MAX_RECORDS = 10_000
"""Records that are kept, 300 bytes each: months of what people do, and 3 MB. The log lines of the
same calls go wherever logs are kept for longer."""

_CURSOR = re.compile(r"[0-9]{1,15}-[0-9]{1,9}")


class AuditLog:
    """Writes and reads records."""

    def __init__(self, channel: Commands, keys: Keys) -> None:
        self._channel = channel
        self._stream = keys.audit

    async def add(self, record: AuditRecord) -> None:
        """Keep a record. One whose fate is unknown is sent again, and may then be there twice."""
        text = msgspec.json.encode(record)
        command = ("XADD", self._stream, "MAXLEN", "~", MAX_RECORDS, "*", "record", text)
        await resend(lambda: self._channel.execute(*command))

    async def page(self, *, limit: int, cursor: str | None) -> list[AuditEntry]:
        """Up to `limit` records, newest first, from after `cursor` on.

        Raises:
            InvalidRequest: it is no cursor of this log.
        """
        if cursor is not None and not _CURSOR.fullmatch(cursor):
            problem = "is not a cursor of this list: start without one"
            raise InvalidRequest(f"cursor {problem}", (FieldError("/cursor", problem),))
        end = "+" if cursor is None else f"({cursor}"
        command = ("XREVRANGE", self._stream, end, "-", "COUNT", limit)
        return [
            AuditEntry(
                cursor=place.decode(),
                at_ms=int(place.partition(b"-")[0]),
                record=msgspec.json.decode(fields[1], type=AuditRecord),
            )
            for place, fields in await resend(lambda: self._channel.execute(*command))
        ]
