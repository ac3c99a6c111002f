"""A document on its way to a file: broken connections go on where they were; the end is checked."""

import asyncio
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import aiohttp

from jobqueue.client.transport import Transport
from jobqueue.errors import ServerUnreachable, Unavailable, UnexpectedAnswer

CHUNK = 256 * 1024
"""Bytes of a document that are held in memory at once."""

RESUME_DELAYS = (0.1, 0.5, 2.0, 5.0)
"""Pauses before a download goes on; counted anew whenever some bytes have come."""

PARTIAL = 206
_SHA256 = re.compile(r'"([0-9a-f]{64})"')


class Download:
    """One document and the file that it goes to.

    Args:
        transport: to the service.
        path: of the document.
        file: where it is written.
        sha256: what its bytes must have, in hex; None: what the service says, where it does.
    """

    def __init__(
        self, transport: Transport, path: str, file: BinaryIO, *, sha256: str | None
    ) -> None:
        self._transport = transport
        self._path = path
        self._file = file
        self._expected = sha256
        self._etag: str | None = None
        self._digest = hashlib.sha256()
        self._size = 0

    async def run(self) -> int:
        """Fetch all of it; gives its bytes.

        Raises:
            ServerUnreachable: the service does not come back.
            UnexpectedAnswer: what came is not what it should be.
        """
        failures = 0
        while True:
            before = self._size
            try:
                await self._fetch()
                break
            except (ServerUnreachable, Unavailable):
                failures = 1 if self._size > before else failures + 1
                if not self._can_go_on or failures > len(RESUME_DELAYS):
                    raise
            await asyncio.sleep(RESUME_DELAYS[failures - 1])
        self._check()
        return self._size

    @property
    def _can_go_on(self) -> bool:
        """Whether the service can tell that it is still the same document, or nothing came yet."""
        return self._size == 0 or self._etag is not None

    async def _fetch(self) -> None:
        headers = {}
        if self._size and self._etag is not None:
            headers = {"Range": f"bytes={self._size}-", "If-Range": self._etag}
        async with self._transport.flow(self._path, headers) as response:
            if self._size and not self._continues(response):
                raise UnexpectedAnswer(f"{self._path} changed while it was fetched: fetch it again")
            self._note(response)
            async for chunk in response.content.iter_chunked(CHUNK):
                self._file.write(chunk)
                self._digest.update(chunk)
                self._size += len(chunk)

    def _continues(self, response: aiohttp.ClientResponse) -> bool:
        given = response.headers.get("Content-Range", "")
        return response.status == PARTIAL and given.startswith(f"bytes {self._size}-")

    def _note(self, response: aiohttp.ClientResponse) -> None:
        etag = response.headers.get("ETag", "")
        self._etag = etag if etag.startswith('"') else None  # a weak one is of no use here
        if self._expected is None and (found := _SHA256.fullmatch(etag)):
            self._expected = found[1]

    def _check(self) -> None:
        if self._expected is not None and self._digest.hexdigest() != self._expected.lower():
            raise UnexpectedAnswer(
                f"{self._path} arrived damaged: its SHA-256 is {self._digest.hexdigest()}, "
                f"not {self._expected}"
            )


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A new file beside `path` that takes its place when all went well.

    A device or pipe is written to; through a link the file that it names is replaced.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    path = path.resolve()
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with partial.open("wb") as file:
            yield file
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
