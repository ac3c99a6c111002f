"""Which addresses count as public, in every way that they are written."""

import contextlib
import ipaddress
import socket
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.net.addresses import parse_address, why_not_public

v4 = st.ip_addresses(v=4)
v6 = st.ip_addresses(v=6)
special = st.sampled_from(
    [
        *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),
        *("169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "0.0.0.0/8", "198.18.0.0/15"),
        *("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "192.88.99.0/24"),
        *("::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/32"),
        *("2001:db8::/32", "2002::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
        *("3fff::/20", "2001:2::/48", "5f00::/16"),
    ]
).flatmap(lambda network: st.ip_addresses(network=network))
"""Addresses of the networks that a document must never reach."""


@given(special)
def test_special_networks_are_not_public(address: IPv4Address | IPv6Address) -> None:
    """No address of a network with a meaning of its own is taken for a public one."""
    assert why_not_public(address)


@given(v4 | v6 | special)
def test_what_python_does_not_call_global_is_not_public(
    address: IPv4Address | IPv6Address,
) -> None:
    """We are never more liberal than the registry that comes with Python."""
    odd = address.is_private or address.is_multicast or address.is_reserved
    if odd or address.is_loopback or address.is_link_local or address.is_unspecified:
        assert why_not_public(address)
    if why_not_public(address) is None:
        assert address.is_global


@given(v4)
def test_no_ipv6_form_carries_an_ipv4_address(address: IPv4Address) -> None:
    """An IPv4 address inside an IPv6 one is refused, whatever it is."""
    number = int(address)
    forms = (
        number,
        (0xFFFF << 32) | number,
        (0x64FF9B << 96) | number,
        (0x64FF9B0001 << 80) | number,
        (0x2002 << 112) | (number << 80),
        (0x20010000 << 96) | (number ^ 0xFFFFFFFF),
    )
    assert all(why_not_public(IPv6Address(form)) for form in forms)


def test_ordinary_addresses_are_public() -> None:
    """The check does not refuse everything."""
    for text in ("1.1.1.1", "93.184.215.14", "172.32.0.1", "2606:4700::1111", "2a00:1450:4001::1"):
        assert why_not_public(ipaddress.ip_address(text)) is None


def test_an_address_of_one_network_card_is_not_public() -> None:
    """A zone says which of this machine's networks is meant: that is never the internet."""
    assert why_not_public(IPv6Address("2606:4700::1111%eth0"))


@given(v4, st.data())
def test_numbers_are_read_as_browsers_do(address: IPv4Address, data: st.DataObject) -> None:
    """Decimal, octal, hexadecimal and short forms are the address that they stand for."""
    octets = list(address.packed)
    kept = data.draw(st.integers(0, 3))
    tail = int.from_bytes(bytes(octets[kept:]))
    write = st.sampled_from(["{}", "0x{:x}", "0X{:X}", "0{:o}"])
    parts = [data.draw(write).format(number) for number in [*octets[:kept], tail]]
    text = ".".join(parts)
    assert parse_address(text) == address
    assert parse_address(f"{text}.") == address
    assert socket.inet_aton(text) == address.packed


@given(v6)
def test_ipv6_is_read_with_and_without_brackets(address: IPv6Address) -> None:
    """Both forms are the same address."""
    assert parse_address(f"[{address}]") == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize("host", ["example.com", "1.example", "0x.example", "a", "localhost."])
def test_names_are_no_addresses(host: str) -> None:
    """A name is left to the resolver."""
    assert parse_address(host) is None


@pytest.mark.parametrize(
    "host",
    ["256.1.1.1", "1.2.3.4.5", "1.2.3.256", "4294967296", "09.1.1.1", "a.1", "1..2", "[::1", "::g"],
)
def test_what_only_looks_like_an_address_is_refused(host: str) -> None:
    """A host that a browser would refuse is not handed to the resolver as a name."""
    with pytest.raises(ValueError, match=r".+"):
        parse_address(host)


@given(st.text(max_size=30) | st.from_regex(r"[0-9a-fx.:\[\]%]{1,20}", fullmatch=True))
def test_any_host_is_an_address_a_name_or_wrong(host: str) -> None:
    """No text breaks the reading of a host."""
    with contextlib.suppress(ValueError):
        parse_address(host)
