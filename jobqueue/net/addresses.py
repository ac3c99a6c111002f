"""Which addresses are of the public internet, and in how many ways they are written."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from jobqueue.host_rules import Address, is_numeric

_NOT_PUBLIC = tuple(
    (ip_network(network), reason)
    for network, reason in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "of a provider's own network"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved for protocols"),
        ("192.0.2.0/24", "for documentation"),
        ("192.88.99.0/24", "a 6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("255.255.255.255/32", "broadcast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::ffff:0:0/96", "a mapped IPv4 address"),
        ("::/96", "an IPv4-compatible address"),
        ("64:ff9b::/96", "translated to IPv4"),
        ("64:ff9b:1::/48", "translated to IPv4"),
        ("100::/64", "discarded"),
        ("2001::/32", "a Teredo tunnel"),
        ("2001::/23", "reserved for protocols"),
        ("2001:db8::/32", "for documentation"),
        ("2002::/16", "a 6to4 tunnel"),
        ("3fff::/20", "for documentation"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)
"""Networks that are not public, the narrower of two first.

Sources: the IANA special-purpose registries of IPv4 and IPv6 (RFC 6890 and its successors),
RFC 4291 for the forms of IPv6 with an IPv4 address in them.
"""

_GLOBAL_IPV6 = ip_network("2000::/3")
"""All IPv6 addresses that are given out at all."""

_PARTS = 4
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+", re.ASCII)


def why_not_public(address: Address) -> str | None:
    """What keeps an address from being one of the public internet; None when nothing does."""
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return "of one network card"
    for network, reason in _NOT_PUBLIC:
        if address in network:
            return reason
    if isinstance(address, IPv6Address) and address not in _GLOBAL_IPV6:
        return "not given out"
    return None


def parse_address(host: str) -> Address | None:
    """The address that a URL's host spells, in any way that a browser reads; None for a name.

    An IPv4 address may have one to four parts, each decimal, octal (`0…`) or hexadecimal
    (`0x…`), the last of which fills what the others leave: `127.1`, `2130706433`,
    `0x7f.0.0.1`. Source: https://url.spec.whatwg.org/#concept-ipv4-parser

    Raises:
        ValueError: it looks like an address and is none.
    """
    if host.startswith("["):
        if not host.endswith("]"):
            raise ValueError(f"{host!r} is no address")
        return IPv6Address(host[1:-1])
    if ":" in host:
        return ip_address(host)
    return _parse_ipv4(host) if is_numeric(host) else None


def _parse_ipv4(host: str) -> IPv4Address:
    parts = host.removesuffix(".").lower().split(".")
    if len(parts) > _PARTS or not all(map(_NUMBER.fullmatch, parts)):
        raise ValueError(f"{host!r} is no address")
    *first, last = map(_number, parts)
    room: int = 256 ** (_PARTS - len(first))
    if last >= room or any(number > 255 for number in first):  # noqa: PLR2004 - a byte
        raise ValueError(f"{host!r} is no address")
    return IPv4Address(
        last + sum(number << (8 * (3 - place)) for place, number in enumerate(first))
    )


def _number(text: str) -> int:
    if text.startswith("0x"):
        return int(text[2:] or "0", 16)
    return int(text, 8 if text.startswith("0") else 10)
