"""What must hold in Redis after every step, whatever happened before it."""

import re
from collections import Counter

from tests.support.redis import RedisClient

ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
LANES = {"c": "critical", "h": "high", "n": "normal", "l": "low"}
OWNERLESS = {"meta", "handoff", "leases", "scheduled", "intake", "completed", "dead", "cancelled"}
OWNERLESS |= {*LANES.values(), "workers", "schedules", "schedule_due"}
"""Keys that live as long as their queue, and are bounded."""


class Snapshot:
    """One queue, read whole."""

    def __init__(self, client: RedisClient, prefix: str) -> None:
        self.client = client
        self.prefix = prefix
        self.names = {key.removeprefix(prefix) for key in client.scan_iter(f"{prefix}*")}
        self.specs = {name for name in self.names if ULID.fullmatch(name)}
        self.status = {ulid: client.hgetall(f"{prefix}{ulid}:status") for ulid in self.specs}
        self.entries = self._entries()

    def state(self, ulid: str) -> str:
        """The state of a job; one without a status is queued."""
        return str(self.status[ulid].get("state", "queued"))

    def lane(self, ulid: str) -> str:
        """The lane of a job."""
        spec = self.client.get(self.prefix + ulid) or "n"
        return LANES[self.status[ulid].get("lane", spec[0])]

    def members(self, name: str) -> set[str]:
        """The members of a sorted set."""
        return set(self.client.zrange(self.prefix + name, 0, -1))

    def has_entry(self, ulid: str) -> bool:
        """Whether a claim will meet the job: in its lane, the handoff or an inbox."""
        homes = {self.lane(ulid), "handoff", *(name for name in self.entries if ":" in name)}
        return any(ulid in self.entries[home] for home in homes)

    def _entries(self) -> dict[str, list[str]]:
        lists = [*LANES.values(), "handoff", *(n for n in self.names if n.startswith("inbox:"))]
        return {name: self.client.lrange(self.prefix + name, 0, -1) for name in lists}


def violations(client: RedisClient, prefix: str) -> list[str]:
    """Every invariant that does not hold, in words; none is what tests want."""
    queue = Snapshot(client, prefix)
    return [*_placement(queue), *_counters(queue), *_liveness(queue), *_leaks(queue)]


def _placement(queue: Snapshot) -> list[str]:
    """Every job is where its state says, and nowhere else."""
    wrong = []
    sets = {
        state: queue.members("leases" if state == "active" else state)
        for state in ("scheduled", "active", "completed", "dead", "cancelled")
    }
    for ulid in queue.specs:
        state = queue.state(ulid)
        places = [name for name, members in sets.items() if ulid in members]
        if places != [state] * (state != "queued"):
            wrong.append(f"{ulid} is {state} and in {places}")
        if state == "queued" and not queue.has_entry(ulid):
            wrong.append(f"{ulid} is queued and in no lane, handoff or inbox")
        if state == "active" and not {"token", "worker", "deliveries"} <= queue.status[ulid].keys():
            wrong.append(f"{ulid} is active without token, worker or deliveries")
    for state, members in sets.items():
        wrong += [f"{ulid} is in {state} and has no spec" for ulid in members - queue.specs]
    return wrong


def _counters(queue: Snapshot) -> list[str]:
    counted = int(queue.client.hget(f"{queue.prefix}meta", "queued") or 0)
    actual = Counter(map(queue.state, queue.specs))["queued"]
    return [] if counted == actual else [f"{actual} jobs are queued, counted are {counted}"]


def _liveness(queue: Snapshot) -> list[str]:
    """A ready job means that somebody is being woken."""
    wrong = []
    delivered = any(queue.entries[name] for name in queue.entries if ":" in name)
    ready = any(queue.state(ulid) == "queued" for ulid in queue.specs)
    if ready and not queue.entries["handoff"] and not delivered:
        wrong.append("jobs are ready, and handoff and inboxes are empty")
    if len(queue.entries["handoff"]) > 1:
        wrong.append(f"handoff holds {queue.entries['handoff']}")
    return wrong


def _leaks(queue: Snapshot) -> list[str]:
    """Every key has an owner or an end."""
    wrong = []
    for name in queue.names - OWNERLESS - queue.specs:
        owner = name.partition(":")[0]
        if owner in queue.specs or (name.startswith("inbox:") and queue.entries[name]):
            continue
        if name.startswith("batch:") and name[6:] in queue.client.lrange(
            f"{queue.prefix}intake", 0, -1
        ):
            continue
        if name.startswith("schedule:") and queue.client.hexists(
            f"{queue.prefix}schedules", name.removeprefix("schedule:")
        ):
            continue
        if queue.client.ttl(queue.prefix + name) == -1:
            wrong.append(f"{name} has neither owner nor end")
    return wrong
