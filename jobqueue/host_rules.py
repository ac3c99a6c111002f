"""Rules that say which hosts may be reached: how they are written, and what fits them.

example.com            this name, at the usual ports 80 and 443
*.example.com          every name below it
*                      every name
example.com:8443       at this port only
10.1.0.0/16            addresses of this network; also those that allowed names have,
[fd00:1::/32]:8080     although they are not public
"""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

import msgspec

Address = IPv4Address | IPv6Address

USUAL_PORTS = (80, 443)
"""Ports of a rule that names none: those of HTTP. Others are where databases and consoles are."""

_MAX_PORT = 65535
_RULE = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>[0-9]{1,5}))?")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")
_NUMERIC = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)", re.ASCII)
_WRONG = "must be like example.com, *.example.com, example.com:8443 or 10.1.0.0/16"


class HostRule(msgspec.Struct, frozen=True):
    """One rule: a name, or a network.

    Attributes:
        name: lower case; starts with `*` where it stands for many. Empty for a network.
        port: the only one; None: the usual ones for who asks for the host itself.
    """

    name: str
    network: IPv4Network | IPv6Network | None
    port: int | None

    def admits_name(self, name: str, port: int) -> bool:
        """Whether a name (lower case, without a dot at its end) may be asked for."""
        return self._names(name) and self._admits_port(port)

    def admits_address(self, address: Address, port: int) -> bool:
        """Whether an address may be asked for."""
        return self._holds(address) and self._admits_port(port)

    def covers(self, host: str | Address, port: int) -> bool:
        """Whether it is about a name or an address, at any port where it names none."""
        fits = self._names(host) if isinstance(host, str) else self._holds(host)
        return fits and self.port in {None, port}

    def _names(self, name: str) -> bool:
        if self.network is not None:
            return False
        if self.name.startswith("*"):
            return name.endswith(self.name[1:])
        return name == self.name

    def _holds(self, address: Address) -> bool:
        return self.network is not None and address in self.network

    def _admits_port(self, port: int) -> bool:
        return port in USUAL_PORTS if self.port is None else port == self.port


def parse_host_rule(text: str) -> HostRule:
    """The rule that is written so.

    Raises:
        ValueError: none is.
    """
    rule = text.strip().lower()
    network = _network(rule)
    if network is not None:
        return HostRule("", network, None)
    match = _RULE.fullmatch(rule)
    if match is None:
        raise ValueError(f"{text!r}: {_WRONG}")
    host, port = match["host"], int(match["port"]) if match["port"] else None
    if port is not None and not 0 < port <= _MAX_PORT:
        raise ValueError(f"{text!r}: there is no port {port}")
    network = _network(host.strip("[]"))
    if network is not None:
        return HostRule("", network, port)
    if host != "*" and not (_NAME.fullmatch(host) and not is_numeric(host)):
        raise ValueError(f"{text!r}: {_WRONG}")
    return HostRule(host, None, port)


def is_numeric(host: str) -> bool:
    """Whether a browser reads this host as an IPv4 address: its last part is a number.

    Source: https://url.spec.whatwg.org/#ends-in-a-number-checker
    """
    return _NUMERIC.fullmatch(host.rstrip(".").rpartition(".")[2].lower()) is not None


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text)
    except ValueError:
        return None
