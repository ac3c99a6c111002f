"""Regroups a stream of chunks, however they are cut, into blocks of one size."""

import asyncio
import hashlib
import io
from collections.abc import AsyncGenerator, AsyncIterator

_SHORT = 256 * 1024
"""Up to this size hashing (0.5 ms) costs less than the hop to a thread."""


async def blocks(chunks: AsyncIterator[bytes], size: int) -> AsyncGenerator[bytes, None]:
    """Blocks of exactly `size` bytes, the last one shorter; none of an empty stream."""
    buffer = io.BytesIO()  # gives its bytes away without a copy
    async for chunk in chunks:
        rest = memoryview(chunk)
        while rest:
            room = size - buffer.tell()
            buffer.write(rest[:room])
            rest = rest[room:]
            if buffer.tell() == size:
                yield buffer.getvalue()
                buffer = io.BytesIO()
    if buffer.tell():
        yield buffer.getvalue()


class Digest:
    """Size and SHA-256 of what has passed."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        """In hex."""
        return self._hash.hexdigest()

    def update(self, block: bytes) -> None:
        """Count `block`."""
        self._hash.update(block)
        self.size += len(block)

    async def passing(self, stream: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """The stream itself, counted; long blocks are hashed off the loop."""
        async for block in stream:
            if len(block) <= _SHORT:
                self.update(block)
            else:
                await asyncio.to_thread(self.update, block)
            yield block
