"""A real Redis Cluster for tests: three masters with a replica each."""

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .nodes import RedisNode, await_agreement, replication
from .process import free_port
from .redis import RedisClient

MASTERS = 3
SLOTS = 16384
ALL_KEYS = 100_000
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

    def replica_of(self, master: RedisNode) -> RedisNode:
        """A living replica of a master."""
        return next(
            node
            for node in self.nodes
            if node.alive and replication(node).get("master_port") == master.port
        )

    def await_replicas(self) -> None:
        """Wait until every write so far is on a replica of its master."""
        for node in self.masters():
            if int(replication(node)["connected_slaves"]):
                await_agreement(lambda node=node: _caught_up(node), "replicas caught up")  # type: ignore[misc]  # bound now


class SlotMove:
    """A slot on its way from its master to another one, key by key, as `redis-cli` moves it."""

    def __init__(self, cluster: RedisCluster, slot: int) -> None:
        self._cluster = cluster
        self._slot = slot
        self._ids = cluster.ids()
        self.source = cluster.master_of(slot)
        self.target = next(node for node in cluster.masters() if node is not self.source)

    def begin(self) -> None:
        """Tell both nodes that the keys are on their way."""
        self._set(self.target, "IMPORTING", self.source)
        self._set(self.source, "MIGRATING", self.target)

    def call_off(self) -> None:
        """Bring back what has moved; the slot stays where it was."""
        self.source.client.execute_command("CLUSTER", "SETSLOT", self._slot, "STABLE")
        self._migrate(self.target, self.source, self._keys(self.target, ALL_KEYS))
        self.target.client.execute_command("CLUSTER", "SETSLOT", self._slot, "STABLE")

    def move_keys(self, count: int) -> int:
        """Move up to `count` keys; gives how many."""
        keys = self._keys(self.source, count)
        self._migrate(self.source, self.target, keys)
        return len(keys)

    def move_some(self) -> None:
        """Move some of the keys, any of them."""
        keys = self._keys(self.source, ALL_KEYS)
        self._migrate(self.source, self.target, random.sample(keys, random.randint(0, len(keys))))

    def finish(self) -> None:
        """Move the rest, and let every master know where the slot is now."""
        while self.move_keys(100):
            pass
        others = [node for node in self._cluster.masters() if node is not self.target]
        for node in [self.target, *others]:
            self._set(node, "NODE", self.target)

    def digests(self) -> dict[str, str]:
        """A digest of each key of the slot, wherever it is: equal only where nothing changed."""
        found: dict[str, str] = {}
        for node in (self.source, self.target):
            keys = self._keys(node, ALL_KEYS)
            if keys:
                digests = node.client.execute_command("DEBUG", "DIGEST-VALUE", *keys)
                found.update(zip(keys, digests, strict=True))
        return found

    def _migrate(self, source: RedisNode, target: RedisNode, keys: list[str]) -> None:
        if keys:
            place = ("127.0.0.1", target.port, "", 0, 5000)
            source.client.execute_command("MIGRATE", *place, "KEYS", *keys)

    def _keys(self, node: RedisNode, count: int) -> list[str]:
        keys: list[str] = node.client.execute_command("CLUSTER", "GETKEYSINSLOT", self._slot, count)
        return keys

    def _set(self, node: RedisNode, state: str, other: RedisNode) -> None:
        node.client.execute_command("CLUSTER", "SETSLOT", self._slot, state, self._ids[other.port])


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
