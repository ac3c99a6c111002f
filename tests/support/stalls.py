"""Noticing that the machine stood still: what was timed meanwhile says nothing."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SLEEPER = """
import sys, threading, time
ended, worst = threading.Event(), 0.0
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
print(flush=True)
while not ended.is_set():
    begin = time.perf_counter()
    ended.wait(0.05)
    worst = max(worst, time.perf_counter() - begin - 0.05)
print(worst)
"""


class Stalls:
    """What was seen of them.

    Attributes:
        longest: seconds for which a process that wanted to do almost nothing did not run; known
            at the end.
    """

    longest = 0.0


@contextmanager
def watching_for_stalls() -> Iterator[Stalls]:
    """Watch by a process of its own that only sleeps: nothing that is tested keeps it from that."""
    stalls = Stalls()
    command = [sys.executable, "-c", _SLEEPER]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as sleeper:
        assert sleeper.stdin
        assert sleeper.stdout
        sleeper.stdout.readline()
        try:
            yield stalls
        finally:
            sleeper.stdin.close()
            stalls.longest = float(sleeper.stdout.read())
