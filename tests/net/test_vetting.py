"""Which hosts may be reached: the rules of `render.allow_hosts`, before and after resolving."""

from ipaddress import ip_address

import pytest

from jobqueue.host_rules import Address, parse_host_rule
from jobqueue.net.vetting import Refused, Resolver, Unreachable, Vetting, resolve

PUBLIC = "93.184.215.14"


def resolving_to(*addresses: str, asked: list[str] | None = None) -> Resolver:
    """A resolver that gives these addresses for any name, and notes it in `asked`."""

    async def answer(name: str, _: int) -> list[Address]:
        if asked is not None:
            asked.append(name)
        return [ip_address(each) for each in addresses]

    return answer


@pytest.mark.parametrize(
    ("rule", "host", "port", "allowed"),
    [
        ("example.com", "example.com", 443, True),
        ("example.com", "EXAMPLE.com.", 80, True),
        ("example.com", "example.com", 8080, False),
        ("example.com", "a.example.com", 443, False),
        ("example.com", "notexample.com", 443, False),
        ("example.com:8443", "example.com", 8443, True),
        ("example.com:8443", "example.com", 443, False),
        ("*.example.com", "a.b.example.com", 443, True),
        ("*.example.com", "example.com", 443, False),
        ("*.example.com", "evilexample.com", 443, False),
        ("*", "anything.at.all", 443, True),
        ("*", PUBLIC, 443, False),
        ("10.1.0.0/16", "10.1.2.3", 80, True),
        ("10.1.0.0/16", "0x0a010203", 80, True),
        ("10.1.0.0/16", "10.2.0.1", 80, False),
        ("10.1.0.0/16", "10.1.2.3", 8080, False),
        ("10.1.0.0/16:8080", "10.1.2.3", 8080, True),
        ("10.1.0.0/16", "[::ffff:10.1.2.3]", 80, False),
        ("[fd00::/8]:81", "[fd00::1]", 81, True),
        ("127.0.0.1", "2130706433", 80, True),
        ("127.0.0.1", "127.0.0.2", 80, False),
        ("127.0.0.1", "1.2.3.4.5", 80, False),
    ],
)
async def test_rules_allow_what_they_say(rule: str, host: str, port: int, *, allowed: bool) -> None:
    """A rule allows its host at its port, in every way that it is written, and nothing else."""
    vetting = Vetting([rule], resolving_to(PUBLIC))
    assert (vetting.why_refused(host, port) is None) is allowed


@pytest.mark.parametrize(
    ("denied", "host", "port"),
    [
        ("a.example.com", "A.example.com.", 443),
        ("*.example.com", "a.example.com", 80),
        ("a.example.com:443", "a.example.com", 443),
        (f"{PUBLIC}/32", "a.example.com", 443),
        ("10.1.2.0/24", "10.1.2.3", 80),
        ("10.1.2.0/24", "0x0a010203", 80),
    ],
)
async def test_denied_hosts_are_exceptions(denied: str, host: str, port: int) -> None:
    """What a rule of `render.deny_hosts` is about is refused, by name and by address."""
    allowed = ["*", "10.1.0.0/16"]
    assert await Vetting(allowed, resolving_to(PUBLIC)).vet(host, port)
    with pytest.raises(Refused, match=r"in render\.deny_hosts"):
        await Vetting(allowed, resolving_to(PUBLIC), denied=[denied]).vet(host, port)


async def test_a_denied_port_leaves_the_others() -> None:
    """A rule with a port is about no other."""
    vetting = Vetting(["*"], resolving_to(PUBLIC), denied=["a.example.com:443"])
    assert await vetting.vet("a.example.com", 80)


@pytest.mark.parametrize(
    "rule",
    [
        *("", "a b", "-a.com", "a..b", "10.0.0.1/8", "1.2.3", "a.com:0", "a.com:99999", "*.*.com"),
        *("http://a.com", "a.com/x", "*a.com", "[::1", "0x7f.1"),
    ],
)
def test_wrong_rules_are_refused(rule: str) -> None:
    """A rule that cannot mean anything is found before anything runs."""
    with pytest.raises(ValueError, match=r".+"):
        parse_host_rule(rule)


async def test_a_host_that_is_not_allowed_is_not_even_resolved() -> None:
    """A document cannot tell anybody anything by the names that it asks for."""
    asked: list[str] = []
    vetting = Vetting(["example.com"], resolving_to(PUBLIC, asked=asked))
    with pytest.raises(Refused, match=r"not in render\.allow_hosts"):
        await vetting.vet("secret.attacker.example", 443)
    assert asked == []
    assert await vetting.vet("example.com", 443) == [ip_address(PUBLIC)]
    assert asked == ["example.com"]


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::ffff:1.1.1.1", "fd00::1"])
async def test_every_address_of_a_name_is_checked(address: str) -> None:
    """One address that is not public is enough to refuse a name, wherever it stands."""
    for addresses in ((address, PUBLIC), (PUBLIC, address)):
        with pytest.raises(Refused, match="which is"):
            await Vetting(["*"], resolving_to(*addresses)).vet("example.com", 443)


async def test_a_network_rule_lets_an_allowed_name_be_private() -> None:
    """A name inside the house needs both: the name, and its network."""
    resolver = resolving_to("10.1.2.3")
    with pytest.raises(Refused, match="which is private"):
        await Vetting(["reports.corp:8443"], resolver).vet("reports.corp", 8443)
    with pytest.raises(Refused, match=r"not in render\.allow_hosts"):
        await Vetting(["10.1.0.0/16"], resolver).vet("reports.corp", 8443)
    both = Vetting(["reports.corp:8443", "10.1.0.0/16"], resolver)
    assert await both.vet("reports.corp", 8443) == [ip_address("10.1.2.3")]


async def test_a_name_that_does_not_resolve_is_unreachable() -> None:
    """What another try may find is told apart from what is forbidden."""
    with pytest.raises(Unreachable, match="cannot be resolved"):
        await Vetting(["*"], resolve).vet("nowhere.invalid", 443)
    with pytest.raises(Unreachable, match="no address"):
        await Vetting(["*"], resolving_to()).vet("example.com", 443)


async def test_localhost_is_loopback() -> None:
    """The name of this machine is refused although it is allowed."""
    with pytest.raises(Refused, match="loopback"):
        await Vetting(["*"], resolve).vet("localhost", 80)
