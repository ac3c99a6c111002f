"""A process that shares the embedded Redis of a data_dir until its stdin ends.

`python -m tests.support.embedded DATA_DIR` prints the URL when it is ready.
"""

import asyncio
import sys
from pathlib import Path

from jobqueue.broker.embedded import EmbeddedRedis


async def main(data_dir: Path) -> None:
    """Start or join, say so, leave when nobody holds our stdin any more."""
    embedded = EmbeddedRedis(data_dir)
    print(await embedded.start(), flush=True)  # noqa: T201 - the answer to the test
    await asyncio.to_thread(sys.stdin.read)
    await embedded.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
