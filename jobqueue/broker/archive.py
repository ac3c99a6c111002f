"""What has ended and waits for an archive outside of Redis, a table of finished jobs say.

A queue keeps this list only where it is switched on. An archiver reads, stores, and says that it
is done; whatever dies in between, each end is read at least once while the list is not full.
Storing by the job's id makes it once, also with several archivers.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec

from jobqueue.broker import scripts
from jobqueue.broker.codec import ulid_of
from jobqueue.broker.commands import Commands
from jobqueue.broker.keys import Keys
from jobqueue.broker.reader import READ_JOBS, Reader
from jobqueue.broker.resend import resend
from jobqueue.model import Job

MAX_DONE = 500
"""Jobs of one script call."""


class ArchiveBacklog(msgspec.Struct, frozen=True):
    """How the archive of a queue stands.

    Attributes:
        limit: jobs that may wait; None: it is switched off.
        waiting: jobs that wait.
        lost: jobs that were given up because the list was full, since it was switched on.
    """

    limit: int | None
    waiting: int
    lost: int


class Archive:
    """The lists of all queues, or of the partitions of one; calls are re-sent until answered."""

    def __init__(self, channel: Commands, keys: Keys, reader: Reader) -> None:
        self._channel = channel
        self._keys = keys
        self._reader = reader

    async def set_limit(self, queue: str, limit: int | None) -> None:
        """Let jobs that end from now on wait for the archive.

        While a job waits its retention cannot remove it. Of more than `limit` the oldest are
        given up. None switches this off, and gives up what waits.

        Raises:
            ValueError: the limit is below 1.
        """
        if limit is not None and limit < 1:
            raise ValueError("the limit of an archive is at least 1")
        call = scripts.set_archive(self._keys.meta(queue), "" if limit is None else limit)
        while await self._call(call):
            pass

    async def backlog(self, queue: str) -> ArchiveBacklog:
        """How many jobs of a queue wait, may wait, and did not get through."""
        fields = ("HMGET", self._keys.meta(queue), "archive", "archive_lost")
        limit, lost = await resend(lambda: self._channel.execute(*fields))
        count = ("ZCARD", self._keys.of(queue, "archive"))
        waiting: int = await resend(lambda: self._channel.execute(*count))
        return ArchiveBacklog(int(limit) if limit else None, waiting, int(lost or 0))

    async def read(self, queue: str, *, limit: int = READ_JOBS) -> list[Job]:
        """The jobs that have waited longest, at most 100; they go on waiting until `done`.

        A job that was retried by an operator comes again with its new end.
        """
        last = min(limit, READ_JOBS) - 1
        command = ("ZRANGE", self._keys.of(queue, "archive"), 0, last)
        ulids: list[bytes] = await resend(lambda: self._channel.execute(*command))
        found = await self._reader.read(queue, [f"{queue}-{ulid.decode()}" for ulid in ulids])
        return [job for job in found if job and job.finished_at_ms is not None]

    async def done(self, queue: str, jobs: Sequence[Job]) -> int:
        """Let these jobs, as they were read, wait no more; a second time changes nothing.

        Returns:
            How many had waited until now.
        """
        removed = 0
        for first in range(0, len(jobs), MAX_DONE):
            ends = ((ulid_of(job.id), job.finished_at_ms or 0) for job in jobs[first:][:MAX_DONE])
            call = scripts.archive_done(self._keys.meta(queue), chain.from_iterable(ends))
            removed += await self._call(call)
        return removed

    async def _call(self, call: scripts.ScriptCall) -> Any:
        return await resend(lambda: self._channel.call(call))
