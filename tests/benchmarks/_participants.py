"""Who takes part in the comparison: how each driver is started, and how its end is seen."""

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from tests.benchmarks._peer_setup import (
    DRIVERS,
    Missing,
    node_modules,
    pinned_version,
    python_peer,
)
from tests.support.command import clean_environ
from tests.support.redis import RedisClient

CONCURRENCIES = (1, 10, 100)

QUEUE = "bench"
"""Every driver's."""

COMPLETED = f"jobqueue:{{{QUEUE}}}:completed"

AOF = ("--appendonly", "yes", "--appendfsync", "everysec")
"""Redis options of the second column: at most the last second is lost with the machine."""


class Participant(NamedTuple):
    """A queue with its driver.

    Attributes:
        command: of the driver, without verb, URL and number.
        per_second: about how many jobs a second it processes, by concurrency: with that many
            queued beforehand a case takes its time, whatever the queue.
        finished: whether Redis shows so many jobs as ended and acknowledged.
        redis_options: of the server that it is measured on.
        is_ours: results are read back and events counted.
    """

    name: str
    command: tuple[str, ...]
    environ: Mapping[str, str]
    per_second: Mapping[int, int]
    finished: Callable[[RedisClient, int], bool]
    redis_options: tuple[str, ...] = ()
    is_ours: bool = False


def _module(name: str, python: str = sys.executable) -> tuple[str, ...]:
    return (python, "-m", f"tests.benchmarks.peers.{name}")


def _ours(name: str, *redis_options: str) -> Participant:
    def finished(redis: RedisClient, count: int) -> bool:
        return int(redis.zcard(COMPLETED)) >= count

    return Participant(
        name=name,
        command=_module("ours"),
        environ=clean_environ(),
        per_second={1: 3_000, 10: 14_000, 100: 25_000},
        finished=finished,
        redis_options=redis_options,
        is_ours=True,
    )


def _bullmq() -> Participant:
    return Participant(
        name=f"BullMQ {pinned_version('bullmq')}",
        command=("node", str(DRIVERS / "bullmq.js")),
        environ=clean_environ() | {"NODE_PATH": str(node_modules())},
        per_second={1: 1_800, 10: 8_000, 100: 9_000},
        finished=lambda redis, count: int(redis.zcard(f"bull:{QUEUE}:completed")) >= count,
    )


def _python(
    name: str, per_second: Mapping[int, int], finished: Callable[[RedisClient, int], bool]
) -> Participant:
    return Participant(
        name=f"{name} {pinned_version(name)}",
        command=_module(name, str(python_peer(name))),
        environ=clean_environ(),
        per_second=per_second,
        finished=finished,
    )


def _saq() -> Participant:
    return _python(
        "saq",
        {1: 1_100, 10: 1_400, 100: 1_500},
        lambda redis, _: int(redis.zcard(f"saq:{QUEUE}:incomplete")) == 0,
    )


def _arq() -> Participant:
    return _python(
        "arq",
        {1: 90, 10: 1_200, 100: 1_400},
        lambda redis, _: int(redis.zcard("arq:queue")) == 0,
    )


def _streaq() -> Participant:
    return _python(
        "streaq",
        {1: 400, 10: 600, 100: 600},
        lambda redis, _: int(redis.xlen(f"streaq:{QUEUE}:queues:normal")) == 0,
    )


PEERS: Mapping[str, Callable[[], Participant]] = {
    "bullmq": _bullmq,
    "saq": _saq,
    "arq": _arq,
    "streaq": _streaq,
}


def ours() -> list[Participant]:
    """This repository's queue, without and with persistence."""
    return [_ours("ours"), _ours("ours, AOF", *AOF)]


def peers(names: Iterable[str]) -> tuple[list[Participant], dict[str, str]]:
    """The peers that are here or can be installed, and why the others are missing."""
    found: list[Participant] = []
    missing: dict[str, str] = {}
    for name in names:
        try:
            found.append(PEERS[name]())
        except Missing as error:
            missing[name] = str(error)
    return found, missing
