"""One queue, read whole from Redis, for what must always hold."""

import re
from functools import cached_property
from typing import Any

import msgspec

from jobqueue.broker.codec import decode_spec
from tests.support.redis import RedisClient

ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
LANES = {"c": "critical", "h": "high", "n": "normal", "l": "low"}
GROUP_LANE = re.compile(rf"group:(.*):({'|'.join(LANES.values())})")
SETS = ("scheduled", "active", "blocked", "completed", "dead", "cancelled")


class Snapshot:
    """All jobs and keys of one queue at one moment."""

    def __init__(self, client: RedisClient, prefix: str) -> None:
        self.client = client
        self.prefix = prefix
        self.names = {key.removeprefix(prefix) for key in client.scan_iter(f"{prefix}*")}
        self.specs = {name for name in self.names if ULID.fullmatch(name)}
        self.status = {ulid: client.hgetall(f"{prefix}{ulid}:status") for ulid in self.specs}
        self.sets = {
            state: self.members("leases" if state == "active" else state) for state in SETS
        }
        self.meta = self.hash("meta")

    def hash(self, name: str) -> dict[str, str]:
        """The fields of a hash."""
        fields: dict[str, str] = self.client.hgetall(self.prefix + name)
        return fields

    def items(self, name: str) -> list[str]:
        """The entries of a list."""
        entries: list[str] = self.client.lrange(self.prefix + name, 0, -1)
        return entries

    def members(self, name: str) -> set[str]:
        """The members of a sorted set."""
        return set(self.client.zrange(self.prefix + name, 0, -1))

    def text(self, name: str) -> str | None:
        """A string."""
        value: str | None = self.client.get(self.prefix + name)
        return value

    def texts(self, start: str) -> list[tuple[str, str]]:
        """Names and values of the strings that start so, as far as they have not expired."""
        found = [(name, self.text(name)) for name in self.names if name.startswith(start)]
        return [(name, value) for name, value in found if value is not None]

    def trails(self) -> list[tuple[str, str]]:
        """The jobs of which a move is known, each with what is known; not the logs on their way."""
        names = {name.removeprefix("moved:") for name in self.names if name.startswith("moved:")}
        found = [(ulid, self.text(f"moved:{ulid}")) for ulid in names if ULID.fullmatch(ulid)]
        return [(ulid, value) for ulid, value in found if value is not None]

    def state(self, ulid: str) -> str:
        """The state of a job; one without a status is queued."""
        return str(self.status[ulid].get("state", "queued"))

    def is_open(self, ulid: str) -> bool:
        """Whether a job is there and has not ended."""
        return ulid in self.specs and self.state(ulid) not in {"completed", "dead", "cancelled"}

    def asked(self, ulid: str) -> dict[str, Any]:
        """What a job was enqueued with beyond its spec."""
        packed = self.status[ulid].get("x")
        return msgspec.msgpack.decode(packed.encode("latin-1")) if packed else {}

    def group(self, ulid: str) -> str:
        """The group of a job, '' for none."""
        return str(self.asked(ulid).get("g", ""))

    def slot(self, ulid: str) -> tuple[str, str] | None:
        """The schedule and its slot of which a job is; None: of none."""
        spec = (self.text(ulid) or "n\n").encode("latin-1")
        metadata = decode_spec(spec)[2].metadata
        return (metadata["schedule"], metadata["slot"]) if "schedule" in metadata else None

    def home(self, ulid: str) -> str:
        """The name of the lane in which a queued job belongs."""
        spec = self.text(ulid) or "n"
        lane = LANES[self.status[ulid].get("lane", spec[0])]
        group = self.group(ulid)
        return f"group:{group}:{lane}" if group else lane

    @cached_property
    def inboxes(self) -> list[str]:
        """Names of the inboxes."""
        return [name for name in self.names if name.startswith("inbox:")]

    @cached_property
    def entries(self) -> dict[str, set[str]]:
        """Ids in the lanes, the handoff and the inboxes."""
        lanes = [*LANES.values(), *(name for name in self.names if GROUP_LANE.fullmatch(name))]
        return {name: set(self.items(name)) for name in (*lanes, "handoff", *self.inboxes)}

    @cached_property
    def groups_with_entries(self) -> set[str]:
        """Groups in whose lanes there is anything; '' among them."""
        found = {match[1] for name in self.entries if (match := GROUP_LANE.fullmatch(name))}
        return found | ({""} if any(self.entries[lane] for lane in LANES.values()) else set())
