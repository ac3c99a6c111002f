"""One request of a page, from its head to the last byte of the answer."""

import asyncio

from jobqueue.net.ledger import MAX_TARGET, EgressLimits, Entry, Ledger, LimitReached, Outcome
from jobqueue.net.messages import (
    Malformed,
    Request,
    answer_head,
    parse_answer,
    parse_request,
    refusal,
)
from jobqueue.net.relay import Stream, beside, dialled, move_all, move_exactly, moving
from jobqueue.net.site import Site
from jobqueue.net.vetting import Refused, Unreachable, Vetting

HEAD_DEADLINE = 30.0
"""Seconds for a connection to say what it wants: browsers open some ahead."""

_REFUSED = refusal("403 Forbidden", "http_request_denied")
_FAILED = refusal("502 Bad Gateway", "destination_unavailable")
_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_INFORMATIONAL = range(100, 200)
_SWITCHING = 101


class Exchange:
    """Serves one connection of a page, which carries one request or one tunnel."""

    def __init__(
        self,
        client: Stream,
        *,
        vetting: Vetting,
        limits: EgressLimits,
        ledger: Ledger,
        site: Site | None,
    ) -> None:
        self._client = client
        self._vetting = vetting
        self._limits = limits
        self._ledger = ledger
        self._site = site
        self._answered = False
        self._received = 0

    async def run(self) -> None:
        """Read the request and answer it."""
        try:
            async with asyncio.timeout(HEAD_DEADLINE):
                request = parse_request(await self._client.head())
        except Malformed:
            await self._client.send(answer_head("400 Bad Request", [("Content-Length", "0")]))
            return
        except (TimeoutError, EOFError, asyncio.LimitOverrunError):
            return  # opened ahead and not used, or nothing that a browser sends
        if self._site is not None and request.host.lower() == self._site.host:
            await self._serve_file(request, self._site)
        else:
            await self._fetch(request)

    async def _serve_file(self, request: Request, site: Site) -> None:
        if request.is_tunnel:
            await self._refuse(request, "refused", "files of a document come over http only")
            return
        answer, found = site.answer(request.method, request.path)
        if not found:
            self._note(request, "missing", "there is no such file in the bundle")
        await self._client.send(answer)

    async def _fetch(self, request: Request) -> None:
        try:
            async with asyncio.timeout(self._limits.seconds):
                self._ledger.begin_request()
                addresses = await self._vetting.vet(request.host, request.port)
                async with dialled(addresses, request.port) as upstream:
                    await self._relay(request, upstream)
        except (Refused, LimitReached) as error:
            await self._refuse(request, "cut" if self._answered else "refused", str(error))
        except TimeoutError:
            reason = f"it took longer than {self._limits.seconds:g} s"
            await self._refuse(request, "cut", reason)
        except (Unreachable, Malformed, OSError, EOFError, asyncio.LimitOverrunError) as error:
            await self._refuse(request, "failed", str(error))
        except asyncio.CancelledError:
            self._note(request, "loaded" if self._answered else "cut", "the job has ended")
            raise
        else:
            self._note(request, "loaded", "")

    async def _relay(self, request: Request, upstream: Stream) -> None:
        """Pass everything on, until either side ends."""
        async with beside(self._stop_at_limit(upstream)):
            if request.is_tunnel:
                await self._tunnel(upstream)
            else:
                await self._forward(request, upstream)
        self._ledger.spend(0)  # what was broken off at a limit has ended like any other

    async def _stop_at_limit(self, upstream: Stream) -> None:
        """Break the connection off when another one of the job has used up a limit."""
        await self._ledger.used_up()
        upstream.abort()

    async def _tunnel(self, upstream: Stream) -> None:
        await self._client.send(_ESTABLISHED)
        self._answered = True
        async with beside(self._send_on(upstream)):
            await self._receive(upstream)

    async def _send_on(self, upstream: Stream) -> None:
        """Pass on what the page sends, and end with it: a browser never closes one way only."""
        await move_all(self._client, upstream, self._ledger)
        upstream.abort()

    async def _forward(self, request: Request, upstream: Stream) -> None:
        await upstream.send(request.head())
        await move_exactly(self._client, upstream, request.body, self._ledger)
        answer = parse_answer(await upstream.head())
        while answer.status in _INFORMATIONAL and answer.status != _SWITCHING:
            answer = parse_answer(await upstream.head())
        if answer.status == _SWITCHING:
            raise Malformed("it switches to another protocol")
        await self._client.send(answer.head())
        self._answered = True
        async with beside(self._notice_leaving(upstream)):
            await self._receive(upstream)

    async def _receive(self, upstream: Stream) -> None:
        async for size in moving(upstream, self._client, self._ledger):
            self._received += size

    async def _notice_leaving(self, upstream: Stream) -> None:
        """Fetch no more for a page that has gone, or that has what it wanted."""
        await self._client.chunk()
        upstream.abort()

    async def _refuse(self, request: Request, outcome: Outcome, reason: str) -> None:
        """Answer that it is not to be had; what has begun is broken off instead."""
        self._note(request, outcome, reason)
        if self._answered:
            self._client.abort()
            return
        await self._client.send(_REFUSED if outcome == "refused" else _FAILED)

    def _note(self, request: Request, outcome: Outcome, note: str) -> None:
        self._ledger.add(
            Entry(
                method=request.method,
                target=request.url[:MAX_TARGET],
                host=request.host.lower(),
                port=request.port,
                outcome=outcome,
                note=note,
                size=self._received,
            )
        )
