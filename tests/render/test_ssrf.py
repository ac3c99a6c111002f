"""No page reaches what it may not: every way of a browser, aimed at a canary on this machine."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright import async_api
from typing_extensions import override

from jobqueue.host_rules import Address
from jobqueue.net.egress import Egress, EgressSession
from jobqueue.net.site import Site, SiteFile
from jobqueue.net.vetting import Vetting
from jobqueue.render.browser import Browser, ContextSettings
from jobqueue.render.chromium import SCRIPTED_FLAGS, DeadProxy, find_chromium
from jobqueue.settings import RenderSettings
from tests.support.wait import eventually

from .ssrf import CHECKED, leading_away, markup, scripts

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

OBSERVED = 3.0
"""Seconds for which a page may go on after it is loaded: without defence all come in one."""

AT_ONCE = 4
"""Pages at once: more of them do not come to their scripts in time on a small machine."""

RELAY = "127.0.0.2"
"""An address that is allowed, where a server redirects to the canary."""


class Canary:
    """Listens at one port of this machine, by TCP and UDP, and remembers who came."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.hits: list[str] = []

    @property
    def origin(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Note a visit by TCP."""
        first = (await reader.read(200)).partition(b" HTTP/")[0]
        self.hits.append(f"TCP {first.decode() if first.isascii() else first[:3]!r}")
        with suppress(OSError):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            writer.close()


class UdpCanary(asyncio.DatagramProtocol):
    """Notes datagrams."""

    def __init__(self, canary: Canary) -> None:
        self._canary = canary

    @override
    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Note a visit by UDP."""
        self._canary.hits.append(f"UDP {data[:2]!r} from {addr[0]}")


@asynccontextmanager
async def listening() -> AsyncIterator[Canary]:
    """A canary on IPv4 and, where there is any, on IPv6."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    canary = Canary(port)
    loop = asyncio.get_running_loop()
    hosts = [
        "127.0.0.1",
        *(["::1"] if socket.has_ipv6 and Path("/proc/net/if_inet6").exists() else []),
    ]
    with suppress(OSError):
        hosts = hosts if (await loop.getaddrinfo("::1", port)) else hosts[:1]
    server = await asyncio.start_server(canary.serve, hosts[0], port)
    transport, _ = await loop.create_datagram_endpoint(
        lambda: UdpCanary(canary), local_addr=("127.0.0.1", port)
    )
    second: asyncio.Server | None = None
    with suppress(OSError):  # no IPv6 here
        second = await asyncio.start_server(canary.serve, "::1", port)
    try:
        yield canary
    finally:
        transport.close()
        for each in (server, second):
            if each is not None:
                each.close()


@asynccontextmanager
async def relaying() -> AsyncIterator[int]:
    """An allowed server that redirects `/to?<url>` to that URL; gives its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            target = head.split(" ")[1].partition("?")[2]
            answer = f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"
            writer.write(answer.encode())
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, RELAY, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


class Names:
    """A resolver under an attacker's control, and what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, name: str, _: int) -> list[Address]:
        """The addresses of a name: this time."""
        self.asked.append(name)
        is_first = name == "rebind.test" and self.asked.count(name) == 1
        return [ip_address(RELAY if is_first or name == "relay.test" else "127.0.0.1")]


class WayOut(NamedTuple):
    """What one document may reach, where it is, and the host and port of its proxy."""

    session: EgressSession
    url: str
    proxy: str


class Rig:
    """A browser, a canary, an allowed server that leads to it, and a way out."""

    def __init__(self, browser: Browser, canary: Canary, relay_port: int, names: Names) -> None:
        self.browser = browser
        self.canary = canary
        self.relay = f"http://relay.test:{relay_port}"
        self.names = names
        # DNS rebinding needs a name that is allowed; the canary's port is open to no other.
        rules = [f"relay.test:{relay_port}", f"rebind.test:{canary.port}", f"{RELAY}/32"]
        self.egress = Egress(Vetting(rules, names))

    def documents(self) -> dict[str, list[str]]:
        """All hostile documents, by kind."""
        place = (self.canary.origin, self.relay, self.canary.port)
        return {
            "markup": [markup(*place)],
            "script": list(scripts(*place)),
            "away": list(leading_away(self.canary.origin, self.relay)),
        }

    @asynccontextmanager
    async def way_out(self, html: str, *, network: bool) -> AsyncIterator[WayOut]:
        """The way out of a job with this document."""
        site = Site({"index.html": SiteFile(html.encode(), "text/html")})
        async with self.egress.session(site=site, network=network) as session:
            listener = self.browser.listen()
            await session.serve(listener)
            yield WayOut(session, site.url, f"127.0.0.1:{listener.getsockname()[1]}")

    async def show(self, way_out: WayOut, *, javascript: bool) -> None:
        """Load a document, and let it go on for a while."""
        context = await self.browser.new_context(
            ContextSettings(javascript=javascript, live=True, proxy=f"http://{way_out.proxy}")
        )
        try:
            await observe(await context.new_page(), way_out.url)
        finally:
            await context.close()


async def observe(page: async_api.Page, url: str) -> None:
    """Go somewhere, press everything, and stay for a while."""
    with suppress(async_api.Error):
        await page.goto(url, wait_until="load", timeout=10_000)
    with suppress(async_api.Error):
        await page.click("#popup", timeout=500, no_wait_after=True)
    await asyncio.sleep(OBSERVED)  # what has not come by then is what is tested


@asynccontextmanager
async def rigged(*, flags: tuple[str, ...]) -> AsyncIterator[Rig]:
    """All of it, the browser with these flags."""
    executable = find_chromium(RenderSettings())
    assert executable is not None
    proxy = DeadProxy()
    async with listening() as canary, relaying() as relay_port:
        flag = proxy.flag if flags else "--no-proxy-server"
        browser = await Browser.launch(
            executable, flags=flags, sandbox=False, proxy_flag=flag, memory_limit=2 << 30
        )
        try:
            yield Rig(browser, canary, relay_port, Names())
        finally:
            await browser.close()
            proxy.close()


async def test_the_canary_is_hit_without_a_defence() -> None:
    """The vectors work: a browser without proxy and flags reaches the canary by dozens of them."""
    async with rigged(flags=()) as rig:
        assert rig.browser._browser is not None
        hits: dict[str, set[str]] = {}
        for kind, documents in rig.documents().items():
            for html in documents:
                context = await rig.browser._browser.new_context()
                page = await context.new_page()
                with suppress(async_api.Error):
                    await page.set_content(html, timeout=2000)
                # enough for most: that there are many is what counts; STUN takes its time
                await asyncio.sleep(OBSERVED if "RTCPeerConnection" in html else 0.5)
                await context.close()
            hits[kind] = set(rig.canary.hits)
            rig.canary.hits.clear()
        for kind, found in hits.items():
            print(f"{kind}: {len(found)} vectors hit", *sorted(found), sep="\n  ")  # noqa: T201 - the matrix
        assert len(hits["markup"]) > 30
        assert len(hits["script"]) > 15
        assert len(hits["away"]) > 3
        assert {hit.partition(" ")[0] for hit in hits["script"]} == {"TCP", "UDP"}
        assert any(CHECKED in hit for hit in hits["markup"])


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
@pytest.mark.parametrize("network", [True, False], ids=["network", "no-network"])
async def test_no_vector_reaches_the_canary(
    tmp_path: Path, *, javascript: bool, network: bool
) -> None:
    """No address, redirect, name or protocol gets anywhere that is not allowed.

    What the browser itself did is in its own log: it spoke to its proxies, resolved no name and
    sent no datagram.
    """
    log = tmp_path / "net.json"
    proxies = set()
    async with rigged(flags=(*SCRIPTED_FLAGS, f"--log-net-log={log}")) as rig:
        turns = asyncio.Semaphore(AT_ONCE)

        async def attack(html: str) -> int:
            async with turns, rig.way_out(html, network=network) as way_out:
                proxies.add(way_out.proxy)
                await rig.show(way_out, javascript=javascript)
                entries = way_out.session.ledger.entries
                return sum(entry.outcome == "refused" for entry in entries)

        refused = {
            kind: sum(await asyncio.gather(*map(attack, documents)))
            for kind, documents in rig.documents().items()
        }
        assert rig.canary.hits == [], "\n".join(rig.canary.hits)
        assert refused["markup"] > 30
        assert (refused["script"] > 15) is javascript
        assert refused["away"] > 3
        assert set(rig.names.asked) <= {"relay.test", "rebind.test"}
        assert ("relay.test" in rig.names.asked) is network
    await eventually(lambda: is_complete(log))
    assert connections(log) <= proxies
    assert rig.canary.hits == []


def is_complete(log: Path) -> bool:
    """Whether Chromium has finished writing its log."""
    return log.exists() and log.read_text().rstrip().endswith("}")


def connections(log: Path) -> set[str]:
    """Where a browser connected to, what it resolved and where it sent datagrams to."""
    recorded: dict[str, Any] = json.loads(log.read_text())
    kinds = {number: name for name, number in recorded["constants"]["logEventTypes"].items()}
    found = set()
    for event in recorded["events"]:
        kind, parameters = kinds[event["type"]], event.get("params", {})
        if kind == "TCP_CONNECT_ATTEMPT" and "address" in parameters:
            found.add(parameters["address"])
        elif kind in {"UDP_BYTES_SENT", "HOST_RESOLVER_SYSTEM_TASK", "HOST_RESOLVER_DNS_TASK"}:
            found.add(f"{kind} {parameters}")
    return found


async def test_neighbours_cannot_reach_each_other() -> None:
    """A page that knows another job's host and port still gets none of its files."""
    async with (
        rigged(flags=SCRIPTED_FLAGS) as rig,
        rig.way_out("<p>secret", network=False) as victim,
    ):
        html = (
            f"<img src='{victim.url}'><img src='http://{victim.proxy}/index.html'>"
            f"<iframe src='{victim.url}'></iframe>"
        )
        async with rig.way_out(html, network=True) as way_out:
            await rig.show(way_out, javascript=True)
            outcomes = [entry.outcome for entry in way_out.session.ledger.entries]
            assert outcomes
            assert set(outcomes) == {"refused"}
        assert victim.session.ledger.entries == []
