"""Users' templates in the storage, shared by all processes: versions that never change."""

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable

import msgspec

from jobqueue.errors import StorageUnavailable
from jobqueue.jobs.template_keys import (
    MAX_VERSION,
    PREFIX,
    Versions,
    claim_key,
    files_key,
    folder_of,
    hidden_key,
    read_keys,
)
from jobqueue.render.template_files import TemplateFiles
from jobqueue.storage.base import Storage
from jobqueue.storage.whole import chunks_of, read_whole

OpenStorage = Callable[[], Awaitable[Storage]]
"""Gives the storage, started."""

MAX_TRIES = 20
"""Claims on a number before it is given up: each time another writer was as fast."""

MAX_PAUSE = 0.2
"""Most seconds between two claims, at random, so that writers do not stay in step."""

_CONTENT_TYPE = "application/octet-stream"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, bytes]).decode


class TemplateStore:
    """Reads and writes versions.

    Two writers never get one number: each claims it, and has it only when it then sees no other
    claim. That needs nothing of the storage but that it shows what was written.
    """

    def __init__(self, open_storage: OpenStorage) -> None:
        self._open_storage = open_storage

    async def versions(self, name: str) -> Versions:
        """What there is of a template; empty when there is none.

        Raises:
            StorageUnavailable: the storage does not answer.
        """
        return (await self._read(folder_of(name))).get(name, Versions())

    async def all(self) -> dict[str, Versions]:
        """What there is of every template; raises as `versions` does."""
        return await self._read(PREFIX)

    async def load(self, name: str, version: int) -> TemplateFiles | None:
        """A version, hidden or not; None when there is none of this number.

        Raises:
            StorageUnavailable: the storage does not answer.
        """
        try:
            content = await read_whole(await self._open_storage(), files_key(name, version))
        except FileNotFoundError:
            return None
        return TemplateFiles(name, version, _decode(content))

    async def add(self, name: str, files: dict[str, bytes]) -> TemplateFiles:
        """Write a new version; raises as `versions` does."""
        version = await self._claim(name)
        await self._write(files_key(name, version), _encode(files))
        return TemplateFiles(name, version, files)

    async def hide(self, name: str, version: int) -> None:
        """Hide all versions up to this one; jobs that have them go on."""
        await self._write(hidden_key(name, version), b"")

    async def _claim(self, name: str) -> int:
        storage = await self._open_storage()
        for _ in range(MAX_TRIES):
            version = (await self.versions(name)).next
            if version > MAX_VERSION:
                break
            key = claim_key(name, version, secrets.token_hex(8))
            await self._write(key, b"")
            if (await self.versions(name)).claimed.get(version) == 1:
                return version
            await storage.delete([key])
            await asyncio.sleep(random.uniform(0, MAX_PAUSE))
        raise StorageUnavailable(f"no number is free for a version of {name!r}: try again later")

    async def _write(self, key: str, content: bytes) -> None:
        storage = await self._open_storage()
        await storage.put(key, chunks_of(content), content_type=_CONTENT_TYPE, filename=None)

    async def _read(self, prefix: str) -> dict[str, Versions]:
        storage = await self._open_storage()
        async with storage.list(prefix) as objects:
            return read_keys([(each.key, each.modified_at) async for each in objects])
