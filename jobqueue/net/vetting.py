"""From a host that is asked for to the addresses that may be dialled: the rules of the way out."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import ip_address

from jobqueue.host_rules import Address, parse_host_rule
from jobqueue.net.addresses import parse_address, why_not_public

RESOLVE_DEADLINE = 10.0
"""Seconds for a name to be resolved: a resolver asks its second server after five."""

MAX_NAME = 253
"""Characters of a name in the DNS (RFC 1035)."""

Resolver = Callable[[str, int], Awaitable[list[Address]]]
"""Gives the addresses of a name; raises OSError when it has none."""


class Refused(Exception):
    """The rules forbid it; asking again is of no use."""


class Unreachable(Exception):
    """It is allowed, and cannot be had at the moment."""


async def resolve(name: str, port: int) -> list[Address]:
    """The addresses of a name, as this machine's resolver gives them."""
    found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(address[0]) for *_, address in found))


class Vetting:
    """Decides what may be reached.

    Args:
        rules: as in `render.allow_hosts`; nothing is allowed where there are none.
        denied: as in `render.deny_hosts`: exceptions from what is allowed.
        resolver: asked once for each request, so that what was checked is what is dialled.
    """

    def __init__(
        self, rules: Iterable[str], resolver: Resolver = resolve, *, denied: Iterable[str] = ()
    ) -> None:
        self._rules = tuple(map(parse_host_rule, rules))
        self._denied = tuple(map(parse_host_rule, denied))
        self._resolve = resolver

    @property
    def allows_nothing(self) -> bool:
        """Whether there are no rules at all."""
        return not self._rules

    def why_refused(self, host: str, port: int) -> str | None:
        """Why a host may not be asked for, as far as that is known without resolving it."""
        try:
            address = parse_address(host)
        except ValueError as error:
            return str(error)
        if self._denies(address or _canonical(host), port):
            return f"{host} port {port} is in render.deny_hosts"
        if address is None:
            return self._why_name_refused(_canonical(host), port)
        if any(rule.admits_address(address, port) for rule in self._rules):
            return None
        return f"{address} port {port} is not in render.allow_hosts"

    def _denies(self, host: str | Address, port: int) -> bool:
        return any(rule.covers(host, port) for rule in self._denied)

    def _why_name_refused(self, name: str, port: int) -> str | None:
        if not name or len(name) > MAX_NAME:
            return "the host's name is empty or too long"
        if any(rule.admits_name(name, port) for rule in self._rules):
            return None
        return f"{name} port {port} is not in render.allow_hosts"

    async def vet(self, host: str, port: int) -> list[Address]:
        """The addresses to dial for a host, all of them checked.

        Raises:
            Refused: the host is not allowed, or one of its addresses is denied or not public.
            Unreachable: its name cannot be resolved.
        """
        reason = self.why_refused(host, port)
        if reason is not None:
            raise Refused(reason)
        address = parse_address(host)
        if address is not None:
            return [address]
        addresses = await self._resolved(_canonical(host), port)
        for each in addresses:
            self._check_address(host, each, port)
        return addresses

    def _check_address(self, host: str, address: Address, port: int) -> None:
        if self._denies(address, port):
            raise Refused(f"{host} is {address}, which is in render.deny_hosts")
        reason = why_not_public(address)
        if reason is not None and not any(rule.covers(address, port) for rule in self._rules):
            raise Refused(f"{host} is {address}, which is {reason}")

    async def _resolved(self, name: str, port: int) -> list[Address]:
        try:
            async with asyncio.timeout(RESOLVE_DEADLINE):
                addresses = await self._resolve(name, port)
        except (OSError, UnicodeError, ValueError) as error:  # TimeoutError is an OSError
            raise Unreachable(f"{name} cannot be resolved ({_words(error)})") from error
        if not addresses:
            raise Unreachable(f"{name} has no address")
        return addresses


NOTHING_ALLOWED = Vetting(())
"""The rules where nothing is set."""


def _canonical(host: str) -> str:
    return host.lower().removesuffix(".")


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
