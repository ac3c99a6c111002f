"""The signals that stop a service."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stop_signals(stop: Callable[[], None], kill: Callable[[], None]) -> Iterator[None]:
    """While inside, SIGTERM and SIGINT call `stop`; a second one ends the process at once.

    Args:
        stop: called in the event loop.
        kill: called before the process ends at once, wherever it was; must not block.
    """
    loop = asyncio.get_running_loop()
    stopping = False

    def handle(number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        if stopping:
            kill()
            os._exit(128 + number)  # as a shell tells of a signal; PID 1 cannot die of one
        stopping = True
        loop.call_soon_threadsafe(stop)

    # not `loop.add_signal_handler`: the second signal must work when the loop is blocked
    before = {number: signal.signal(number, handle) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
