"""A job's events as the service streams them, over broken connections."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import NamedTuple, cast

import msgspec

from jobqueue.client.documents import JobDocument
from jobqueue.client.transport import Transport
from jobqueue.errors import ServerUnreachable, Unavailable
from jobqueue.state import State

PATIENCE = 15.0
"""Seconds for which a service that does not answer is asked again: a restart takes less."""

RECONNECT_DELAY = 0.5
"""Seconds between two tries."""

MAX_EVENT = 16 * 1024 * 1024
"""Bytes of an event: far more than a job without payload and result has."""


class _Event(NamedTuple):
    id: str | None
    data: bytes


async def follow(transport: Transport, path: str) -> AsyncGenerator[JobDocument, None]:
    """The documents that a route of events streams, each once, until one is of a job's end.

    Raises:
        ServerUnreachable: the service does not come back.
        JobNotFound: it knows no such job.
    """
    clock = asyncio.get_running_loop().time
    last: str | None = None
    give_up = clock() + PATIENCE
    while True:
        try:
            async with aclosing(_events(transport, path, last)) as events:
                async for event in events:
                    last, give_up = event.id, clock() + PATIENCE
                    job = cast("JobDocument", msgspec.json.decode(event.data))
                    yield job
                    if State(job["state"]).is_final:
                        return
        except (ServerUnreachable, Unavailable):
            if clock() > give_up:
                raise
        await asyncio.sleep(RECONNECT_DELAY)


async def _events(
    transport: Transport, path: str, last: str | None
) -> AsyncGenerator[_Event, None]:
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
    async with transport.flow(path, headers) as response:
        async for block in _blocks(response.content.iter_any()):
            fields = dict(_fields(block))
            if data := fields.get(b"data"):
                event_id = fields.get(b"id")
                yield _Event(None if event_id is None else event_id.decode(), data)


async def _blocks(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """What is between empty lines."""
    rest = b""
    async for chunk in chunks:
        *blocks, rest = (rest + chunk).split(b"\n\n")
        for block in blocks:
            yield block
        if len(rest) > MAX_EVENT:
            raise ServerUnreachable(f"an event has more than {MAX_EVENT} bytes")


def _fields(block: bytes) -> list[tuple[bytes, bytes]]:
    lines = [line.partition(b":") for line in block.splitlines()]
    return [(name, value.removeprefix(b" ")) for name, _, value in lines if name]
