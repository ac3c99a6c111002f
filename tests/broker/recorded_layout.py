"""A queue as the programs of layout 1 wrote it, recorded from them and put back into Redis."""

import time
from pathlib import Path
from typing import Any

import msgspec

from tests.support.redis import RedisClient

LEASE_MS = 15_000
"""What is left of the leases of its running jobs."""


class Recording(msgspec.Struct, frozen=True):
    """What was recorded.

    Attributes:
        jobs: ids by what became of them; tokens of running jobs as `<name>.token`.
        keys: type and value of each key of the queue.
    """

    jobs: dict[str, str]
    keys: dict[str, dict[str, Any]]

    @classmethod
    def load(cls) -> "Recording":
        """The recording beside this file."""
        text = Path(__file__).with_name("layout_1.json").read_bytes()
        return msgspec.json.decode(text, type=cls)

    def play(self, client: RedisClient, prefix: str) -> None:
        """Write the queue; its leases and workers are of now."""
        now = time.time() * 1000
        for name, value in self.keys.items():
            _write(client, prefix + name, value)
        client.expire(f"{prefix}accepted", 600)
        for name, at in (("leases", now + LEASE_MS), ("workers", now)):
            client.zadd(prefix + name, dict.fromkeys(self.keys[name]["zset"], at))

    def names(self, start: str) -> set[str]:
        """Ids of the jobs whose name starts so."""
        return {job_id for name, job_id in self.jobs.items() if name.startswith(start)}


def _write(client: RedisClient, key: str, value: dict[str, Any]) -> None:
    match value:
        case {"string": text}:
            client.set(key, text)
        case {"list": entries}:
            client.rpush(key, *entries)
        case {"set": members}:
            client.sadd(key, *members)
        case {"hash": fields}:
            client.hset(key, mapping=fields)
        case _:
            scores = value["zset"]
            client.zadd(key, scores)
