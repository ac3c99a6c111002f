"""Redis URLs: lists of hosts, and no password in anything that is shown."""

import pytest

from jobqueue.redis_url import mask, parse_redis_url


def test_sentinels_lead_to_a_master_with_a_login_of_its_own() -> None:
    """The login is the master's; sentinels have theirs in the query, or none."""
    url = parse_redis_url("redis+sentinel://me:p%40ss@a:1,b,[::1]:3/jobs/2?sentinel_password=s%2Ft")
    assert url.hosts == (("a", 1), ("b", 26379), ("::1", 3))
    assert (url.topology, url.service, url.db) == ("sentinel", "jobs", 2)
    assert url.server("c", 4).startswith("redis://me:p%40ss@c:4/2")
    assert url.sentinel("::1", 3).startswith("redis://:s%2Ft@[::1]:3/0")


def test_a_cluster_is_found_from_several_nodes() -> None:
    """Each node gets the same login and options, over TLS where the URL says so."""
    url = parse_redis_url("rediss+cluster://:secret@a:1,b?ssl_cert_reqs=none")
    assert (url.topology, url.hosts) == ("cluster", (("a", 1), ("b", 6379)))
    assert url.server("c", 4) == "rediss://:secret@c:4/0?ssl_cert_reqs=none"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://h:1/0", "redis://h:1/0"),
        ("redis://user:secret@h:1/0", "redis://user:***@h:1/0"),
        ("redis://:secret@h:1/0", "redis://:***@h:1/0"),
        ("redis://h:1/0?password=secret&db=3", "redis://h:1/0?password=***&db=3"),
        ("redis+cluster://:secr@et@h:1,i:2", "redis+cluster://:***@h:1,i:2"),
        (
            "redis+sentinel://u:secret@h,i/n?sentinel_password=secret",
            "redis+sentinel://u:***@h,i/n?sentinel_password=***",
        ),
        ("unix:///a/b:c@d/redis.sock", "unix:///a/b:c@d/redis.sock"),
    ],
)
def test_passwords_are_masked(url: str, shown: str) -> None:
    """What is shown of a URL has everything but its passwords."""
    assert mask(url) == shown
