"""Letting renderers wait for everybody else.

A script can start hundreds of threads that never rest. Chromium's own process, the program and
Redis then still have to come to their turn, and the neighbours' documents with them.
"""

import os
from contextlib import suppress
from pathlib import Path

from jobqueue.render.memory import descendants

NICENESS = 10
"""Of renderers: a thread of theirs has a tenth of the weight of one of ours."""

_RENDERERS = ("--type=zygote", "--type=renderer")
"""What they are, and what they are forked from and inherit it of."""


def lower_renderers(pid: int) -> None:
    """Lower the priority of the renderers of the Chromium `pid`, those to come included."""
    for each in descendants(pid):
        with suppress(OSError):  # it has gone, or is of a user who must not be touched
            words = Path(f"/proc/{each}/cmdline").read_text()
            if any(kind in words for kind in _RENDERERS):
                os.setpriority(os.PRIO_PROCESS, each, NICENESS)
