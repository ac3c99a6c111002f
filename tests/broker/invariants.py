"""What must hold in Redis after every step, whatever happened before it."""

from collections import Counter
from collections.abc import Iterator

import msgspec

from tests.support.redis import RedisClient

from .snapshot import LANES, Snapshot

OWNERLESS = {"meta", "handoff", "leases", "intake", "batches", "workers", "outbox", "archive"}
OWNERLESS |= {*LANES.values(), "scheduled", "blocked", "completed", "dead", "cancelled"}
OWNERLESS |= {"expiring", "releasing", "ring", "waiting", "groups", "running", "open", "limits"}
OWNERLESS |= {"held", "debts", "schedules", "schedule_due"}
"""Keys that live as long as their queue, and are bounded by what is in it."""


def violations(client: RedisClient, prefix: str) -> list[str]:
    """Every invariant that does not hold, in words; none is what tests want."""
    queue = Snapshot(client, prefix)
    rules = (
        *(_placement, _running, _counters, _liveness, _groups),
        *(_unique_keys, _idempotency_keys, _blocked, _dependents, _archive, _leaks),
        *(_expiring, _moves, _schedules),
    )
    return [wrong for rule in rules for wrong in rule(queue)]


def _placement(queue: Snapshot) -> Iterator[str]:
    """Every job is where its state says, and nowhere else."""
    for ulid in queue.specs:
        state = queue.state(ulid)
        places = [name for name, members in queue.sets.items() if ulid in members]
        if places != [state] * (state != "queued"):
            yield f"{ulid} is {state} and in {places}"
        homes = {queue.home(ulid), "handoff", *queue.inboxes}
        if state == "queued" and not any(ulid in queue.entries.get(home, ()) for home in homes):
            yield f"{ulid} is queued and in no lane, handoff or inbox"
    for state, members in queue.sets.items():
        yield from (f"{ulid} is in {state} and has no spec" for ulid in members - queue.specs)


def _running(queue: Snapshot) -> Iterator[str]:
    """What runs is held by somebody, for a bounded time; what does not is held by nobody."""
    seconds, micros = queue.client.time()
    latest = seconds * 1000 + micros / 1000 + 60_000
    leases = queue.client.zrange(queue.prefix + "leases", 0, -1, withscores=True)
    yield from (f"{ulid} is leased until {until}" for ulid, until in leases if until > latest)
    for ulid, status in queue.status.items():
        state = queue.state(ulid)
        if state == "active" and not {"token", "worker"} <= status.keys():
            yield f"{ulid} is active without token or worker"
        if state == "active" and "expires_at" in status:
            yield f"{ulid} has started and may still expire"
        waits = state in {"scheduled", "blocked"}
        delivered = {"deliveries", "progress"} if "crashes" not in status else set()
        if waits and ({"cancel"} | delivered) & status.keys():
            yield f"{ulid} is {state} and keeps what belongs to a delivery"


def _counters(queue: Snapshot) -> Iterator[str]:
    """What is counted is what is there."""
    states = Counter(map(queue.state, queue.specs))
    counted = int(queue.meta.get("queued", 0))
    if counted != states["queued"]:
        yield f"{states['queued']} jobs are queued, counted are {counted}"
    grouped = [ulid for ulid in queue.specs if queue.group(ulid)]
    for name, wanted in (
        ("open", [ulid for ulid in grouped if queue.is_open(ulid)]),
        ("running", [ulid for ulid in grouped if queue.state(ulid) == "active"]),
    ):
        actual = {group: str(count) for group, count in Counter(map(queue.group, wanted)).items()}
        if queue.hash(name) != actual:
            yield f"{name} counts {queue.hash(name)}, there are {actual}"


def _liveness(queue: Snapshot) -> Iterator[str]:
    """A job that may start means that somebody is being woken; a closed gate wakes nobody."""
    handoff = queue.items("handoff")
    if len(handoff) > 1:
        yield f"handoff holds {handoff}"
    if _gate_closed(queue):
        if handoff:
            yield f"the gate is closed, and handoff holds {handoff}"
        return
    if handoff or any(queue.entries[name] for name in queue.inboxes) or "gated" in queue.meta:
        return  # a gate that has ended by time is opened by whoever holds the alarm
    waiting = queue.members("waiting")
    startable = [
        ulid
        for ulid in queue.specs
        if queue.state(ulid) == "queued" and queue.group(ulid) not in waiting
    ]
    if startable:
        yield f"{startable} may start, and handoff and inboxes are empty"


def _gate_closed(queue: Snapshot) -> bool:
    at_cap = len(queue.sets["active"]) >= int(queue.meta.get("cap", "1000000"))
    return "paused" in queue.meta or at_cap or queue.client.pttl(f"{queue.prefix}gate") > 0


def _groups(queue: Snapshot) -> Iterator[str]:
    """A group with jobs has exactly one place, one without has none."""
    ring, waiting = queue.members("ring"), queue.members("waiting")
    if ring & waiting:
        yield f"{ring & waiting} are in the ring and waiting"
    with_entries = queue.groups_with_entries
    if "grouped" not in queue.meta:
        if with_entries - {""} or ring or waiting:
            yield f"no groups are on, and there are {with_entries}, {ring}, {waiting}"
        return
    for name, members in (
        ("ring and waiting", ring | waiting),
        ("groups", queue.members("groups")),
    ):
        if members != with_entries:
            yield f"{name} have {members}, jobs are in {with_entries}"
    running, own = queue.hash("running"), queue.hash("limits")
    for group in ring - {""}:
        limits = msgspec.msgpack.decode(own.get(group, "\x80").encode("latin-1"))
        cap = limits.get("cap", queue.meta.get("group_cap"))
        if limits.get("paused") or (cap and int(running.get(group, 0)) >= int(cap)):
            yield f"{group} may not start anything and is in the ring"


def _unique_keys(queue: Snapshot) -> Iterator[str]:
    """A unique key is held by a job that asked for it and has not ended."""
    for name, value in queue.texts("unique:"):
        first, *second = value.split(" ")
        for holder in (first, *second):
            if not queue.is_open(holder) or queue.asked(holder).get("u") != name[7:]:
                yield f"{name} is held by {holder}, which ended or never asked"
        if any(queue.state(ulid) != "blocked" for ulid in second):
            yield f"{name}: {second} follows and is not blocked"


def _idempotency_keys(queue: Snapshot) -> Iterator[str]:
    """An idempotency key outlives its job, and not for ever."""
    for name, value in queue.texts("key:"):
        ulid = value.split(" ")[0]
        ends = queue.client.ttl(queue.prefix + name) >= 0
        if queue.is_open(ulid) and ends and queue.asked(ulid).get("k") == name[4:]:
            yield f"{name} ends before its job does"
        if not queue.is_open(ulid) and not ends:
            yield f"{name} has no end although its job has"


def _blocked(queue: Snapshot) -> Iterator[str]:
    """Who waits will be told."""
    followers = {ulid for _, value in queue.texts("unique:") for ulid in value.split(" ")[1:]}
    moved = {ulid for ulid, _ in queue.trails()}
    for ulid in queue.sets["blocked"]:
        waits = queue.hash(f"{ulid}:waits")
        if not waits and ulid not in followers:
            yield f"{ulid} is blocked by nothing"
        for parent in waits:
            here = (
                len(parent) == len(ulid) and parent not in moved
            )  # the others are asked from afar
            if here and ulid not in queue.items(f"{parent}:dependents"):
                yield f"{ulid} waits for {parent}, which does not know"


def _dependents(queue: Snapshot) -> Iterator[str]:
    """Who is waited for will tell."""
    releasing = set(queue.items("releasing"))
    if releasing and "releasing" not in queue.meta:
        yield f"{releasing} are to be released, and nobody knows"
    for ulid in queue.specs:
        if queue.is_open(ulid):
            continue
        pending = queue.items(f"{ulid}:dependents")
        if pending and ulid not in releasing:
            yield f"{ulid} has ended and will not tell {pending}"
        if f"{ulid}:waits" in queue.names:
            yield f"{ulid} has ended and still waits"


def _archive(queue: Snapshot) -> Iterator[str]:
    """Only what has ended waits for the archive, as it ended, and no more than its limit."""
    entries = queue.client.zrange(f"{queue.prefix}archive", 0, -1, withscores=True)
    if len(entries) > int(queue.meta.get("archive", 0)):
        yield f"{len(entries)} jobs wait for an archive of {queue.meta.get('archive')}"
    for ulid, ended_at in entries:
        if ulid not in queue.specs or queue.is_open(ulid):
            yield f"{ulid} waits for the archive and has not ended, or is gone"
        elif int(queue.status[ulid]["finished_at"]) != ended_at:
            yield f"{ulid} waits for the archive with another end than its own"


def _leaks(queue: Snapshot) -> Iterator[str]:
    """Every key has an owner or an end."""
    for name in queue.names - OWNERLESS - queue.specs:
        owner, _, rest = name.partition(":")
        owned = owner in queue.specs
        owned |= owner in {"inbox", "group"} and bool(queue.entries.get(name))
        owned |= owner == "batch" and rest in queue.items("batches") + queue.items("intake")
        owned |= owner == "schedule" and rest in queue.hash("schedules")
        owned |= owner in {"unique", "key"}  # rules of their own know more
        if not owned and queue.client.ttl(queue.prefix + name) == -1:
            yield f"{name} has neither owner nor end"


def _expiring(queue: Snapshot) -> Iterator[str]:
    """Only a job that waits may be called off for being late."""
    for ulid in queue.members("expiring"):
        if not queue.is_open(ulid) or "expires_at" not in queue.status[ulid]:
            yield f"{ulid} is to expire, and has started, ended or left"


def _moves(queue: Snapshot) -> Iterator[str]:
    """A job is either here or was moved away, and records of that end."""
    seconds, micros = queue.client.time()
    now, name = seconds * 1000 + micros / 1000, queue.prefix.split("{")[1].split("}")[0]
    for ulid, value in queue.trails():
        key = f"moved:{ulid}"
        moved_to, _, number = value.partition(" ")
        if moved_to != f"{name}-{ulid}" and ulid in queue.specs:
            yield f"{ulid} is here, and was moved to {moved_to}"
        if int(number) < 1:
            yield f"{ulid} was moved {number} times"
        ends_in = queue.client.pttl(queue.prefix + key)
        if ends_in < 0 or now + ends_in > float(queue.meta.get("moves", 0)) + 1000:
            yield f"{key} ends in {ends_in} ms, and nobody looks for it then"


def _schedules(queue: Snapshot) -> Iterator[str]:
    """A slot of a schedule has at most one job, and what is due is defined."""
    slots = Counter(filter(None, map(queue.slot, queue.specs)))
    yield from (f"{slot} has {count} jobs" for slot, count in slots.items() if count > 1)
    for name in queue.members("schedule_due"):
        if name not in queue.hash("schedules"):
            yield f"{name} is due and not defined"
        elif queue.hash(f"schedule:{name}").get("state") not in {"active", "moving"}:
            yield f"{name} is due and not active"
