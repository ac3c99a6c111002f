"""How long scripts took, by Redis' own slow log: the evidence that one of them is too slow."""

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from prometheus_client import REGISTRY

from jobqueue.broker import scripts
from jobqueue.broker.script import Script
from tests.support.redis import RedisClient

SLOW_US = 5_000
"""Microseconds that no script may take: Redis serves nobody else meanwhile."""

LOGGED_US = 300
"""Where the log begins, to name the slowest script even where none is slow. Lower, the commands
inside a script would be logged as well, and the script would pay for that."""

KEPT = 1_000_000

CONTROL = "control"
_CONTROL_TEXT = "local sum = 0 for i = 1, 150000 do sum = sum + i end return sum"
"""About 1 ms of work that touches no key: where this is slow, the machine was."""

NAMES = {
    script.source.sha: script.source.name
    for script in vars(scripts).values()
    if isinstance(script, Script)
}


class ScriptTime(NamedTuple):
    """One script during one stretch.

    Attributes:
        worst_us: its longest run in microseconds; 0: never long enough to be logged.
        usual_us: the median of the runs that were logged; 0: none was.
        slow: how many runs the log has with `SLOW_US` or more.
    """

    name: str
    calls: int
    worst_us: int
    usual_us: float
    slow: int


class SlowLog:
    """The slow log of one server."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client
        self._control = client.script_load(_CONTROL_TEXT)
        self._controls = 0
        client.config_set("slowlog-max-len", KEPT)
        client.config_set("slowlog-log-slower-than", -1)

    def control(self) -> None:
        """Run the script whose work is always the same."""
        self._controls += 1
        self._client.evalsha(self._control, 0)

    @contextmanager
    def watching(self) -> Iterator[list[ScriptTime]]:
        """Fills in what every script took, when the stretch is over."""
        times: list[ScriptTime] = []
        before = self._calls()
        self._client.slowlog_reset()
        self._client.config_set("slowlog-log-slower-than", LOGGED_US)
        yield times
        self._client.config_set("slowlog-log-slower-than", -1)
        logged = self._logged()
        for name, calls in self._calls().items():
            durations = logged.get(name, [])
            made = max(calls - before[name], len(durations))
            slow = sum(duration >= SLOW_US for duration in durations)
            usual = statistics.median(durations) if durations else 0
            times.append(ScriptTime(name, made, max(durations, default=0), usual, slow))

    def _calls(self) -> dict[str, int]:
        """Calls of each script so far, by this process's own count."""
        counted = {
            name: REGISTRY.get_sample_value("jobqueue_redis_script_seconds_count", {"script": name})
            for name in NAMES.values()
        }
        return {name: int(calls or 0) for name, calls in counted.items()} | {
            CONTROL: self._controls
        }

    def _logged(self) -> dict[str, list[int]]:
        """Microseconds of each logged run, by script."""
        names = NAMES | {self._control: CONTROL}
        logged: dict[str, list[int]] = {}
        for entry in self._client.slowlog_get(KEPT):
            verb, _, rest = entry["command"].partition(b" ")
            if verb.upper() == b"EVALSHA":
                name = names.get(rest[:40].decode(), "unknown")
                logged.setdefault(name, []).append(entry["duration"])
        return logged
