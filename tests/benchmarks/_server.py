"""A Redis without persistence for one benchmark, and what it says about its work."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import redis

from tests.support.redis import RedisClient, redis_server


@contextmanager
def fresh_redis(*options: str) -> Iterator[tuple[str, RedisClient]]:
    """A private server: its URL and a plain client."""
    with (
        tempfile.TemporaryDirectory(prefix="jq-bench-") as folder,
        redis_server(Path(folder), *options) as url,
    ):
        client: RedisClient = redis.Redis.from_url(url, decode_responses=True)
        yield url, client
        client.close()


def commands_run(client: RedisClient) -> int:
    """Commands the server has executed so far, inside scripts too."""
    stats = client.info("commandstats")
    return sum(entry["calls"] for name, entry in stats.items() if name not in _WATCHING)


def calls_received(client: RedisClient) -> int:
    """Script calls and blocking moves that came over connections: round trips, at most."""
    stats = client.info("commandstats")
    return sum(entry["calls"] for name, entry in stats.items() if name in _TRIPS)


class Work(NamedTuple):
    """What a server has done so far.

    Attributes:
        commands: executed, inside scripts and transactions too, which count as well.
        reads: of its sockets: round trips, where each request waits for its answer.
    """

    commands: int
    reads: int


def work_done(client: RedisClient) -> Work:
    """Two commands and two reads, of which the reads are in the answer."""
    stats = client.info("commandstats")
    commands = sum(entry["calls"] for entry in stats.values())
    return Work(commands, client.info("stats")["total_reads_processed"])


_TRIPS = {"cmdstat_evalsha", "cmdstat_blmove"}

_WATCHING = {"cmdstat_info", "cmdstat_evalsha", "cmdstat_zcard", "cmdstat_hget"}
"""Not counted: the calls that carry the others, and the benchmark's own looks."""
