"""Hears from the sentinels when another server becomes the master.

A broken connection tells of a master that has died. One that was replaced in good order
(`SENTINEL FAILOVER`) goes on taking writes for some 10 s, until a sentinel makes it a replica,
and what it has taken is lost.
"""

import asyncio
import contextlib
from collections.abc import Callable

from jobqueue.broker.address import Address
from jobqueue.broker.listener import Listener
from jobqueue.broker.sentinel import Sentinels
from jobqueue.errors import Unavailable

CHANNEL = "+switch-master"
"""On which a sentinel says `<name> <old host> <old port> <new host> <new port>`."""

NEXT_DELAY = 1.0
"""Seconds after which the next sentinel is listened to, when one is lost."""


class SwitchWatch:
    """Listens to one sentinel after the other.

    Args:
        on_switch: called when there is another master; that sentinel is then asked first.
    """

    def __init__(self, place: Sentinels, on_switch: Callable[[], None]) -> None:
        self._place = place
        self._on_switch = on_switch
        self._master: tuple[str, int] | None = None

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            for sentinel in self._place.sentinels:
                with contextlib.suppress(Unavailable):
                    await self._listen_to(sentinel)
                await asyncio.sleep(NEXT_DELAY)

    async def _listen_to(self, sentinel: Address) -> None:
        listener = Listener()
        try:
            await listener.subscribe(sentinel, "SUBSCRIBE", CHANNEL)
            self._compare(sentinel, await self._place.ask(sentinel))
            async for message in listener.messages():
                name, _, _, host, port = message.decode().split()
                if name == self._place.service:
                    self._compare(sentinel, (host, int(port)))
        finally:
            await listener.close()

    def _compare(self, sentinel: Address, master: tuple[str, int]) -> None:
        before, self._master = self._master, master
        if before not in {None, master}:
            self._place.prefer(sentinel)
            self._on_switch()
