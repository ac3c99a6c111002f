"""Which Redis servers are good enough, by what they say of themselves."""

import pytest

from jobqueue.broker.server_info import ServerInfo, read_server_info
from jobqueue.redis_url import Topology

INFO = """\
# Server
redis_version:{version}
tcp_port:6379
# Memory
maxmemory_policy:{policy}
# Persistence
aof_enabled:{aof}
# Cluster
cluster_enabled:{cluster}
"""


def server(
    version: str = "7.2.4",
    *,
    policy: str = "noeviction",
    aof: int = 0,
    cluster: int = 0,
    save: bytes | None = b"",
) -> ServerInfo:
    """A server that answers so."""
    info = INFO.format(version=version, policy=policy, aof=aof, cluster=cluster)
    return read_server_info(info.encode(), None if save is None else [b"save", save])


@pytest.mark.parametrize(
    ("version", "topology", "problem"),
    [
        ("6.2.0", "standalone", None),
        ("6.2.14", "sentinel", None),
        ("10.0.1", "cluster", None),
        ("6.0.16", "standalone", "Redis 6.0.16 is too old: 6.2 or newer is needed"),
        ("6.2.14", "cluster", "too old for a cluster: 7.0 or newer is needed"),
    ],
)
def test_old_servers_are_told_what_they_lack(
    version: str, topology: Topology, problem: str | None
) -> None:
    """6.2 will do, in a cluster 7.0."""
    said = server(version).age_problem(topology)
    assert (said is None) == (problem is None)
    assert (problem or "") in (said or "")


def test_valkey_counts_by_its_own_version() -> None:
    """Valkey says a Redis version for old clients, which is not its own."""
    info = INFO.format(version="7.2.4", policy="noeviction", aof=1, cluster=0)
    valkey = read_server_info(f"{info}valkey_version:9.1.2\n".encode(), None)
    assert valkey.name == "Valkey 9.1.2"


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
def test_every_eviction_is_a_problem(policy: str) -> None:
    """Whatever a full Redis drops, something breaks."""
    assert server().eviction_problem() is None
    assert policy in (server(policy=policy).eviction_problem() or "")


def test_a_server_forgets_only_without_file_and_snapshots() -> None:
    """Either kind of persistence will do; a server that does not say gets no warning."""
    assert server().is_forgetful
    assert not server(aof=1).is_forgetful
    assert not server(save=b"3600 1").is_forgetful
    assert not server(save=None).is_forgetful


def test_a_node_of_a_cluster_wants_the_url_of_one() -> None:
    """A plain URL to one node would reach a third of the queues."""
    assert "redis+cluster://" in (server(cluster=1).topology_problem("standalone") or "")
    assert server(cluster=1).topology_problem("cluster") is None
