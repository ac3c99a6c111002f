"""Listing jobs by state, page by page.

A cursor says where the last page ended, not how many came before, so jobs that come and go
between two pages do not shift the rest. Scheduled jobs are listed by due time and final
ones newest first, over all queues together; queued and running jobs queue after queue, and one
partition of a queue after the other.
"""

import asyncio
import base64
import heapq
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from jobqueue.broker import scripts
from jobqueue.broker.commands import Commands
from jobqueue.broker.keys import Keys
from jobqueue.broker.reader import READ_JOBS, Reader
from jobqueue.errors import FieldError, InvalidRequest
from jobqueue.model import Job, Page
from jobqueue.state import FINAL_STATES, State

LOOKS = 500
"""Jobs that one call looks at when it filters; the page may then be empty before the end."""

Filter = Callable[[Job], bool]


class _Position(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ended. `queue` is unused where all queues are listed together."""

    state: State
    queue: str = ""
    score: str = ""
    after: str = ""
    lane: int = 0
    group: str = ""
    offset: int = 0

    @property
    def place(self) -> tuple[str, int, str]:
        """The list in which it is."""
        return self.queue, self.lane, self.group


class _Entry(msgspec.Struct, frozen=True):
    """A listed job id, and the position behind it."""

    queue: str
    ulid: str
    position: _Position


class Lister:
    """Lists jobs by state."""

    def __init__(self, channel: Commands, keys: Keys, reader: Reader) -> None:
        self._channel = channel
        self._keys = keys
        self._reader = reader

    async def page(
        self,
        state: State,
        *,
        queue: str | None,
        wanted: Filter | None,
        limit: int,
        cursor: str | None,
    ) -> Page:
        """Up to `limit` jobs (at most 100) that are `wanted`, from `cursor` on.

        Raises:
            InvalidRequest: the cursor is not one of this listing.
        """
        position: _Position | None = _decode(cursor, state) if cursor else _Position(state)
        queues = await self._reader.partitions(queue)
        found: list[Job] = []
        looked = 0
        while position is not None and len(found) < limit and looked < LOOKS:
            take = min(READ_JOBS, limit - len(found) if wanted is None else READ_JOBS)
            entries, end = await self._entries(position, queues, take)
            # where it goes on in the same place that call has looked at all it could
            looked += take if end and end.place == position.place else max(len(entries), 1)
            position = end
            for entry, job in zip(entries, await self._read(entries), strict=True):
                if job is None or job.state is not state or (wanted and not wanted(job)):
                    continue
                found.append(job)
                if len(found) == limit:
                    position = entry.position if entry is not entries[-1] else end
                    break
        return Page(jobs=found, cursor=_encode(position) if position else None)

    async def _read(self, entries: Sequence[_Entry]) -> list[Job | None]:
        by_queue: dict[str, list[str]] = {}
        for entry in entries:
            by_queue.setdefault(entry.queue, []).append(f"{entry.queue}-{entry.ulid}")
        read = await asyncio.gather(*(self._reader.read(*group) for group in by_queue.items()))
        jobs = {job.id: job for group in read for job in group if job is not None}
        return [jobs.get(f"{entry.queue}-{entry.ulid}") for entry in entries]

    async def _entries(
        self, position: _Position, queues: Sequence[str], limit: int
    ) -> tuple[list[_Entry], _Position | None]:
        """The next entries and the position behind them, None at the end."""
        if position.state in {State.QUEUED, State.ACTIVE}:
            return await self._in_turn(position, queues, limit)
        return await self._by_time(position, queues, limit)

    async def _by_time(
        self, position: _Position, queues: Sequence[str], limit: int
    ) -> tuple[list[_Entry], _Position | None]:
        newest_first = position.state in FINAL_STATES
        score = position.score or ("+inf" if newest_first else "-inf")
        calls = [
            scripts.list_sorted(
                self._keys.meta(queue),
                position.state,
                int(newest_first),
                score,
                position.after,
                limit,
            )
            for queue in queues
        ]
        answers = await asyncio.gather(*map(self._channel.call, calls))
        pages = [
            [(float(at), name.decode(), queue) for name, at in _pairs(answer)]
            for queue, answer in zip(queues, answers, strict=True)
        ]
        merged = heapq.merge(*pages, reverse=newest_first)
        entries = [
            _Entry(queue, ulid, _Position(position.state, score=f"{at:.0f}", after=ulid))
            for at, ulid, queue in (row for row, _ in zip(merged, range(limit), strict=False))
        ]
        full = len(entries) == limit
        return entries, entries[-1].position if full and entries else None

    async def _in_turn(
        self, position: _Position, queues: Sequence[str], limit: int
    ) -> tuple[list[_Entry], _Position | None]:
        rest = [queue for queue in queues if queue >= position.queue]
        if not rest:
            return [], None
        queue = rest[0]
        if queue != position.queue:
            position = _Position(position.state, queue=queue)
        list_one = self._queued if position.state is State.QUEUED else self._active
        entries, end = await list_one(position, limit)
        if end is None and len(rest) > 1:
            end = _Position(position.state, queue=rest[1])
        return entries, end

    async def _queued(
        self, position: _Position, limit: int
    ) -> tuple[list[_Entry], _Position | None]:
        call = scripts.list_queued(
            self._keys.meta(position.queue),
            position.lane,
            position.group,
            position.offset,
            position.after,
            limit,
        )
        lane, group, offset, last, *names = await self._channel.call(call)
        ulids = [name.decode() for name in names]
        end = _Position(
            position.state,
            queue=position.queue,
            lane=lane,
            group=group.decode(),
            offset=offset,
            after=last.decode(),
        )
        # where `after` is found by name, the offset only says how far to search for it
        searched = position.offset + (limit if position.lane else 0)
        entries = [
            _Entry(
                position.queue,
                ulid,
                msgspec.structs.replace(
                    position, after=ulid, offset=searched if position.lane else searched + index
                ),
            )
            for index, ulid in enumerate(ulids, start=1)
        ]
        return entries, end if lane <= _LANES else None

    async def _active(
        self, position: _Position, limit: int
    ) -> tuple[list[_Entry], _Position | None]:
        call = scripts.list_active(self._keys.meta(position.queue), position.score or "0", limit)
        cursor, *names = await self._channel.call(call)
        ulids = sorted(name.decode() for name in names)
        entries = [
            _Entry(position.queue, ulid, msgspec.structs.replace(position, after=ulid))
            for ulid in ulids
            if ulid > position.after
        ]
        end = msgspec.structs.replace(position, score=cursor.decode(), after="")
        return entries, end if cursor != b"0" else None


_LANES = 4


def _pairs(flat: Sequence[Any]) -> list[tuple[Any, Any]]:
    return list(zip(flat[::2], flat[1::2], strict=True))


def _encode(position: _Position) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).decode().rstrip("=")


def _decode(cursor: str, state: State) -> _Position:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        position = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=_Position)
    except (ValueError, msgspec.MsgspecError):
        position = None
    if position is None or position.state is not state:
        problem = "is not a cursor of this listing: start without one"
        raise InvalidRequest(f"cursor {problem}", (FieldError("/cursor", problem),)) from None
    return position
