"""The proxy that is a page's only way to anything: one listener for each job, gone with it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from jobqueue.net.exchange import Exchange
from jobqueue.net.ledger import EgressLimits, Ledger
from jobqueue.net.messages import MAX_HEAD
from jobqueue.net.relay import Stream
from jobqueue.net.site import Site
from jobqueue.net.vetting import NOTHING_ALLOWED, Vetting


class EgressSession:
    """What one job may reach. Made by `Egress.session`.

    Attributes:
        ledger: what it asked for, and what became of that.
        site: the job's own files; None when it has none.
    """

    def __init__(self, vetting: Vetting, limits: EgressLimits, site: Site | None) -> None:
        self.ledger = Ledger(limits)
        self.site = site
        self._vetting = vetting
        self._limits = limits
        self._server: asyncio.Server | None = None
        self._exchanges: set[asyncio.Task[None]] = set()

    async def serve(self, listener: socket.socket) -> None:
        """Be the proxy behind a listening socket that the job's page alone has, until `close`."""
        self._server = await asyncio.start_server(self._accept, sock=listener, limit=MAX_HEAD)

    async def close(self) -> None:
        """Listen no more, and break off what is still going on."""
        if self._server is not None:
            self._server.close()
        for exchange in self._exchanges:
            exchange.cancel()
        if self._exchanges:
            await asyncio.wait(self._exchanges)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._exchanges) >= self._limits.connections:
            writer.transport.abort()
            return
        task = asyncio.create_task(self._serve(Stream(reader, writer)), name="egress-exchange")
        self._exchanges.add(task)
        task.add_done_callback(self._exchanges.discard)

    async def _serve(self, client: Stream) -> None:
        exchange = Exchange(
            client,
            vetting=self._vetting,
            limits=self._limits,
            ledger=self.ledger,
            site=self.site,
        )
        try:
            with suppress(OSError):  # the page has gone
                await exchange.run()
                await client.close()
        finally:
            client.abort()


class Egress:
    """The way out for all jobs of a worker.

    Args:
        vetting: what they may reach.
        limits: how much each of them may ask for.
    """

    def __init__(self, vetting: Vetting, limits: EgressLimits | None = None) -> None:
        self._vetting = vetting
        self._limits = limits or EgressLimits()

    @asynccontextmanager
    async def session(
        self, *, site: Site | None = None, network: bool
    ) -> AsyncIterator[EgressSession]:
        """A way out for one job.

        Args:
            site: files that are served to it.
            network: whether it may reach anything else that the rules allow.
        """
        session = EgressSession(self._vetting if network else NOTHING_ALLOWED, self._limits, site)
        try:
            yield session
        finally:
            await session.close()
