"""Holding Chromium's renderers to a limit of memory.

A document of a few hundred kilobytes can make a renderer take more than 10 GB while
it is laid out. The system would then end whichever process it likes best, in the
worst case Redis; so the one that grows is ended here, and its job told why.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

MAX_RENDERER = 2 * 1024 * 1024 * 1024
"""Bytes that one renderer may have in memory: a table of 60 000 cells takes nearly as many."""

INTERVAL = 0.25
"""Seconds between two looks of 0.2 ms each; a renderer grows by 100 MB in that time."""

_PAGE = os.sysconf("SC_PAGE_SIZE")


def end_large_processes(pid: int, limit: int) -> int:
    """Kill each process below `pid` that has more than `limit` bytes; gives their number."""
    killed = 0
    for each in descendants(pid):
        if resident(each) > limit:
            os.kill(each, signal.SIGKILL)
            killed += 1
    return killed


def descendants(pid: int) -> Iterator[int]:
    """The processes below `pid`; none where the system does not tell.

    Those that another thread than the first has started are left out: Chromium's
    renderers come from its zygotes, which have one thread and were started by the first.
    """
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return
    for child in map(int, children.split()):
        yield child
        yield from descendants(child)


def resident(pid: int) -> int:
    """Bytes that a process has in memory; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0
