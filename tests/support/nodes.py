"""Redis servers on loopback ports that tests kill and freeze: the parts of larger set-ups."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from .process import free_port, running
from .redis import SERVER_VARIABLE, RedisClient, bundled_server

DEADLINE = 30.0
"""Seconds that a set-up may take to agree with itself on a busy test machine."""


def topology_binary() -> str:
    """The server that tests of sentinels and clusters run."""
    return os.environ.get(SERVER_VARIABLE) or bundled_server()


class RedisNode:
    """One server, and a client that looks at it from outside.

    Args:
        stack: ends it.
        folder: for its data and log.
        options: of its command line.
        config: text of its configuration file, which it may write to.

    Attributes:
        port: on 127.0.0.1.
        client: decodes, whatever bytes there are, and never tries again.
    """

    def __init__(
        self, stack: ExitStack, folder: Path, *options: str, config: str | None = None
    ) -> None:
        self.port = free_port()
        self.client: RedisClient = redis.Redis(
            port=self.port,
            decode_responses=True,
            encoding="latin-1",
            socket_timeout=5,
            retry=Retry(NoBackoff(), 0),
        )
        stack.callback(self.client.close)
        home = folder / str(self.port)
        home.mkdir()
        command = [topology_binary()]
        if config is not None:
            (home / "server.conf").write_text(config)
            command.append(str(home / "server.conf"))
        command += [*options, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(home)]
        self.process = stack.enter_context(running(command, ready=self._answers, log=home / "log"))

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False


def replication(node: RedisNode) -> dict[str, Any]:
    """What a node says of its masters and replicas."""
    info: dict[str, Any] = node.client.info("replication")
    return info


def await_agreement(agreed: Callable[[], bool], what: str) -> None:
    """Wait until a set-up agrees with itself."""
    end = time.monotonic() + DEADLINE
    while True:
        try:
            if agreed():
                return
        except redis.RedisError:
            pass
        assert time.monotonic() < end, f"not within {DEADLINE:g} s: {what}"
        time.sleep(0.02)
