"""What matters about a Redis server: whether it can keep jobs, and whether it will."""

from collections.abc import Sequence

import msgspec

from jobqueue.broker.server_process import MINIMUM_VERSION
from jobqueue.redis_url import Topology

MINIMUM_CLUSTER_VERSION = (7, 0)
"""The first one with sharded publish/subscribe, which tells of transitions in a cluster."""

SAFE_POLICY = "noeviction"
"""The only `maxmemory-policy` under which a full Redis refuses new jobs and drops none."""


class ServerInfo(msgspec.Struct, frozen=True):
    """One server that holds jobs.

    Attributes:
        product: `Redis` or `Valkey`.
        appendonly: whether it keeps an append-only file.
        save_points: when it saves snapshots; empty: never, None: it does not say.
        in_cluster: whether it is a node of a cluster.
    """

    product: str
    version: str
    port: int
    maxmemory_policy: str
    appendonly: bool
    save_points: str | None
    in_cluster: bool

    @property
    def name(self) -> str:
        """Product and version, for messages."""
        return f"{self.product} {self.version}"

    @property
    def is_forgetful(self) -> bool:
        """Whether a restart is known to lose all jobs."""
        return not self.appendonly and self.save_points == ""

    def age_problem(self, topology: Topology) -> str | None:
        """Why this version will not do."""
        version = tuple(map(int, self.version.split(".")[:2]))
        if version < MINIMUM_VERSION:
            return f"{self.name} is too old: 6.2 or newer is needed"
        if topology == "cluster" and version < MINIMUM_CLUSTER_VERSION:
            return (
                f"{self.name} is too old for a cluster: 7.0 or newer is needed, which has "
                "sharded publish/subscribe (SPUBLISH)"
            )
        return None

    def topology_problem(self, topology: Topology) -> str | None:
        """Why a URL of this form does not fit this server."""
        if self.in_cluster and topology != "cluster":
            return "it is a node of a Redis Cluster: use redis+cluster://"
        return None

    def eviction_problem(self) -> str | None:
        """Which jobs it would drop when it is full."""
        policy = self.maxmemory_policy
        if policy == SAFE_POLICY:
            return None
        dropped = "jobs" if policy.startswith("allkeys") else "records of jobs and workers"
        return f"maxmemory-policy is {policy}: a full Redis would drop {dropped}"


def read_server_info(info: bytes, save: Sequence[bytes] | None) -> ServerInfo:
    """What a server says of itself.

    Args:
        info: its answer to `INFO`.
        save: its answer to `CONFIG GET save`; None: it refused.
    """
    fields = dict(line.split(":", 1) for line in info.decode().splitlines() if ":" in line)
    valkey = fields.get("valkey_version")
    return ServerInfo(
        product="Valkey" if valkey else "Redis",
        version=valkey or fields["redis_version"],
        port=int(fields.get("tcp_port", 0)),
        maxmemory_policy=fields["maxmemory_policy"],
        appendonly=fields["aof_enabled"] == "1",
        save_points=save[1].decode() if save else None,
        in_cluster=fields.get("cluster_enabled") == "1",
    )
