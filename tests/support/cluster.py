"""A real Redis Cluster for tests: three masters with a replica each."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .nodes import RedisNode, await_agreement, replication
from .process import free_port
from .redis import RedisClient

MASTERS = 3
SLOTS = 16384
OPTIONS = (
    *("--cluster-enabled", "yes", "--cluster-node-timeout", "1500", "--save", ""),
    # without the wait for more replicas, which would hold up a failover after a quick kill
    *("--repl-diskless-sync-delay", "0", "--cluster-replica-validity-factor", "0"),
    *("--repl-ping-replica-period", "1"),
)


class RedisCluster:
    """The nodes, the first three of which were made masters."""

    def __init__(self, nodes: list[RedisNode]) -> None:
        self.nodes = nodes

    @property
    def url(self) -> str:
        """What users would write: some of the nodes."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes[:MASTERS])
        return f"redis+cluster://{hosts}"

    def master_of(self, slot: int) -> RedisNode:
        """The node that has a slot now, in the eyes of the nodes that live."""
        witness = next(node for node in self.nodes if node.alive)
        ranges = witness.client.execute_command("CLUSTER", "SLOTS")
        port = next(master[1] for first, last, master, *_ in ranges if first <= slot <= last)
        return next(node for node in self.nodes if node.port == port)

    def ids(self) -> dict[int, str]:
        """The cluster's name of each node, by port."""
        return {node.port: node.client.execute_command("CLUSTER", "MYID") for node in self.nodes}

    def masters(self) -> list[RedisNode]:
        """The nodes that take writes now."""
        alive = [node for node in self.nodes if node.alive]
        return [node for node in alive if replication(node)["role"] == "master"]

    def await_replicas(self) -> None:
        """Wait until every write so far is on a replica of its master."""
        for node in self.masters():
            if int(replication(node)["connected_slaves"]):
                await_agreement(lambda node=node: _caught_up(node), "replicas caught up")  # type: ignore[misc]  # bound now


def _caught_up(master: RedisNode) -> bool:
    info = replication(master)
    replica = info.get("slave0")
    return replica is not None and bool(replica["offset"] == info["master_repl_offset"])


@contextmanager
def redis_cluster(folder: Path, *options: str) -> Iterator[RedisCluster]:
    """Three masters and three replicas that agree with each other."""
    with ExitStack() as stack:
        nodes = [
            RedisNode(stack, folder, *OPTIONS, "--cluster-port", str(free_port()), *options)
            for _ in range(2 * MASTERS)
        ]
        _introduce(nodes)
        yield RedisCluster(nodes)


def _introduce(nodes: list[RedisNode]) -> None:
    share = SLOTS // MASTERS + 1
    for number, node in enumerate(nodes):
        node.client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        if number < MASTERS:
            first, last = number * share, min((number + 1) * share, SLOTS) - 1
            node.client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
        _meet(nodes[0].client, node)
    for node in nodes:
        await_agreement(lambda node=node: _knows_all(node, len(nodes)), "all nodes have met")  # type: ignore[misc]  # bound now
    for master, replica in zip(nodes[:MASTERS], nodes[MASTERS:], strict=True):
        master_id = master.client.execute_command("CLUSTER", "MYID")
        replica.client.execute_command("CLUSTER", "REPLICATE", master_id)
    for node in nodes:
        await_agreement(lambda node=node: _is_ready(node), "the cluster is ready")  # type: ignore[misc]  # bound now


def _meet(first: RedisClient, node: RedisNode) -> None:
    bus = node.client.config_get("cluster-port")["cluster-port"]
    first.execute_command("CLUSTER", "MEET", "127.0.0.1", node.port, bus)


def _knows_all(node: RedisNode, count: int) -> bool:
    lines = node.client.execute_command("CLUSTER", "NODES")
    known = [line for line in lines.splitlines() if "handshake" not in line]
    return len(known) == count


def _is_ready(node: RedisNode) -> bool:
    info = replication(node)
    linked = (
        info.get("master_link_status") == "up"
        if info["role"] == "slave"
        else int(info["connected_slaves"]) > 0
    )
    return linked and "cluster_state:ok" in node.client.execute_command("CLUSTER", "INFO")
