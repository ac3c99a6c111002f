"""A real master with two replicas and three sentinels for tests."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .nodes import RedisNode, await_agreement, replication

SERVICE = "jobs"
REPLICAS = 2
SENTINELS = 3
OPTIONS = ("--save", "", "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")
CONFIG = f"""\
sentinel monitor {SERVICE} 127.0.0.1 {{master}} 2
sentinel down-after-milliseconds {SERVICE} 1000
sentinel failover-timeout {SERVICE} 3000
sentinel parallel-syncs {SERVICE} 2
"""


class Sentinel(RedisNode):
    """One sentinel of a master on the given port."""

    def __init__(self, stack: ExitStack, folder: Path, master: int) -> None:
        super().__init__(stack, folder, "--sentinel", config=CONFIG.format(master=master))

    def master(self) -> int:
        """The port of the master, as this sentinel knows it."""
        answer = self.client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
        return int(answer[1])

    def knows_all(self) -> bool:
        """Whether it has found the replicas and the other sentinels."""
        master = self.client.execute_command("INFO", "sentinel")["master0"]
        return bool(master["slaves"] == REPLICAS and master["sentinels"] == SENTINELS)


class SentinelSetup:
    """Servers and sentinels, all of which know of each other."""

    def __init__(self, servers: list[RedisNode], sentinels: list[Sentinel]) -> None:
        self.servers = servers
        self.sentinels = sentinels

    @property
    def url(self) -> str:
        """What users would write."""
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}/0"

    @property
    def master(self) -> RedisNode:
        """The master in the eyes of the last sentinel."""
        port = self.sentinels[-1].master()
        return next(server for server in self.servers if server.port == port)

    def await_replicas(self) -> None:
        """Wait until every write so far is on all replicas that live."""
        master = self.master
        await_agreement(lambda: _caught_up(master), "replicas caught up")

    def fail_over(self) -> None:
        """Make a replica the master in good order, and wait for it."""
        before = self.master.port
        self.sentinels[-1].client.execute_command("SENTINEL", "FAILOVER", SERVICE)
        await_agreement(lambda: self.master.port != before, "another master")


def _caught_up(master: RedisNode) -> bool:
    info = replication(master)
    return int(info["connected_slaves"]) > 0 and all(
        info[f"slave{number}"]["offset"] == info["master_repl_offset"]
        for number in range(int(info["connected_slaves"]))
    )


@contextmanager
def sentinel_setup(folder: Path) -> Iterator[SentinelSetup]:
    """One master, two replicas, three sentinels that can fail over."""
    with ExitStack() as stack:
        master = RedisNode(stack, folder, *OPTIONS)
        replicas = [
            RedisNode(stack, folder, *OPTIONS, "--replicaof", "127.0.0.1", str(master.port))
            for _ in range(REPLICAS)
        ]
        # a sentinel asks its master for replicas only every 10 s, first of all at its start
        await_agreement(lambda: _is_replicated(master, replicas), "replicas are linked")
        sentinels = [Sentinel(stack, folder, master.port) for _ in range(SENTINELS)]
        for sentinel in sentinels:
            await_agreement(sentinel.knows_all, "sentinels know of each other")
        yield SentinelSetup([master, *replicas], sentinels)


def _is_replicated(master: RedisNode, replicas: list[RedisNode]) -> bool:
    info = replication(master)
    online = [info.get(f"slave{number}") for number in range(REPLICAS)]
    links = [replication(replica)["master_link_status"] for replica in replicas]
    return links == ["up"] * REPLICAS and all(each and each["state"] == "online" for each in online)
