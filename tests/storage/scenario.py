"""A process of its own that uses a local folder where something is wrong; run by the tests.

Prints one JSON object: the error of the upload, and what can be seen afterwards.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from jobqueue.errors import StorageUnavailable
from jobqueue.settings import StorageSettings
from tests.storage.steps import PDF, keys, put, read, started

LARGE = 4 * 1024 * 1024


async def upload(folder: Path) -> dict[str, Any]:
    """Store a document of 4 MiB and a small one, tell how it went."""
    async with started(StorageSettings(url=f"file:{folder}"), folder) as storage:
        error = None
        try:
            await put(storage, "large.pdf", b"x" * LARGE)
        except StorageUnavailable as unavailable:
            error = str(unavailable)
        seen = await keys(storage)
        files = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
        small = None
        try:
            await put(storage, "small.pdf", b"small")
            small = (await read(storage, "small.pdf")).decode()
        except StorageUnavailable as unavailable:
            small = str(unavailable)
        return {"error": error, "keys": seen, "files": files, "small": small}


async def stall(folder: Path) -> None:
    """Start an upload that never ends, and say so when its first part is on disk."""

    async def endless() -> AsyncIterator[bytes]:
        yield b"x" * LARGE
        print("stalled", flush=True)  # noqa: T201 - the test waits for it
        await asyncio.Event().wait()

    async with started(StorageSettings(url=f"file:{folder}"), folder) as storage:
        await storage.put("large.pdf", endless(), content_type=PDF, filename=None)


def main() -> None:
    """Do what the arguments say: `upload FOLDER [USER ID]` or `stall FOLDER`."""
    action, folder, *user = sys.argv[1:]
    if user:
        os.setuid(int(user[0]))
    if action == "stall":
        asyncio.run(stall(Path(folder)))
    print(json.dumps(asyncio.run(upload(Path(folder)))))  # noqa: T201 - the result


if __name__ == "__main__":
    main()
