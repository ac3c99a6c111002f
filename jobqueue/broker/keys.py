"""The names of keys and channels that are made outside the scripts."""

SCHEMA_VERSION = 2
"""Layout of the keys that this program writes; which others it understands is in version.lua."""

EVENTS = "job_status"
"""Channel of all transitions; `job_status:<id>` has those of one job."""


class Keys:
    """Key names of one namespace. `{queue}` keeps a queue in one slot of a Redis Cluster."""

    def __init__(self, namespace: str) -> None:
        self.queues = f"{namespace}:queues"
        self.partitions = f"{namespace}:partitions"
        self.types = f"{namespace}:types"
        self.schedules = f"{namespace}:schedules"
        self.control = f"{namespace}:control"
        self.deployment = f"{namespace}:deployment"
        self.audit = f"{namespace}:audit"
        self.api_keys = f"{namespace}:api_keys"
        self.api_keys_used = f"{namespace}:api_keys_used"
        self._namespace = namespace

    def meta(self, queue: str) -> str:
        """The key that every script takes; the scripts derive the queue's others from it."""
        return self.of(queue, "meta")

    def of(self, queue: str, name: str) -> str:
        """One key of a queue."""
        return f"{self._namespace}:{{{queue}}}:{name}"


def events_of(job_id: str) -> str:
    """The channel of one job's transitions."""
    return f"{EVENTS}:{job_id}"


def shard_events(queue: str) -> str:
    """The channel of a queue's transitions in a cluster, in the slot of its keys."""
    return f"{EVENTS}:{{{queue}}}"


def shard_events_of(queue: str, ulid: str) -> str:
    """The channel of one job's transitions in a cluster."""
    return f"{shard_events(queue)}-{ulid}"
