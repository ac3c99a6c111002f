"""What every object storage does for us: the protocol that local.py and s3.py fulfil."""

from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec


class StoredObject(msgspec.Struct, frozen=True):
    """What is known of a stored object."""

    key: str
    size: int
    content_type: str
    modified_at: float = 0.0
    """Unix time in seconds."""


class Upload(msgspec.Struct, frozen=True):
    """What an upload wrote: bytes and their SHA-256 in hex."""

    key: str
    size: int
    sha256: str


class Download(Protocol):
    """An open object: its description, and its bytes in chunks."""

    info: StoredObject

    def chunks(self) -> AsyncIterator[bytes]:
        """The bytes in order, at most 256 KiB at a time."""
        ...


class Storage(Protocol):
    """Documents by key. Keys are `/`-separated names without `..`, at most 512 characters.

    What may be a key is told by keys.py; another one is a ValueError. Every method
    raises `StorageUnavailable` when the storage cannot be used (its message says
    which storage and what to do) after retrying what may heal.
    """

    async def start(self) -> None:
        """Open clients; creates nothing remote."""

    async def close(self) -> None:
        """Release clients."""

    async def check(self) -> None:
        """Write, read and delete a probe object."""

    async def put(
        self, key: str, chunks: AsyncIterator[bytes], *, content_type: str, filename: str | None
    ) -> Upload:
        """Store `chunks` under `key`, visible only when complete; memory stays bounded.

        An existing object of this key is replaced. A failed or cancelled upload
        leaves nothing visible behind.
        """
        ...

    def open(
        self, key: str, *, start: int = 0, end: int | None = None
    ) -> AbstractAsyncContextManager[Download]:
        """Open the object, or bytes `start` to `end` (exclusive) of it.

        Bytes that it does not have are left out; `Download.info` describes the whole.

        Raises:
            FileNotFoundError: there is no such object.
            ValueError: `start` and `end` are no range.
        """
        ...

    async def head(self, key: str) -> StoredObject | None:
        """The object's description, None when there is none."""
        ...

    async def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; missing ones are no error."""

    def list(self, prefix: str) -> AbstractAsyncContextManager[AsyncIterator[StoredObject]]:
        """All objects whose key starts with `prefix`, in the order of their keys.

        Their content types are what the suffixes say, which is all that S3 tells here.
        """
        ...

    async def link(self, key: str, *, filename: str, expires: float) -> str | None:
        """A URL that serves the object for `expires` seconds; None where there are none."""
        ...
