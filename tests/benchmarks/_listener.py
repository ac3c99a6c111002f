"""The one subscriber of the benchmarks: `python -m tests.benchmarks._listener URL`.

Counts every event on `job_status` by its status, and prints the counts as JSON once it meets
the message END, which whoever started it publishes behind the last event.
"""

import json
import re
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import hiredis

from tests.support.redis import RedisClient

CHANNEL = "job_status"
END = "end"
_STATUS = re.compile(rb'"status":"(\w+)"')


class Listener:
    """A subscriber in a process of its own."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def counts(self, client: RedisClient) -> dict[str, int]:
        """Events so far by status; the subscriber ends.

        Raises:
            RuntimeError: Redis has dropped the subscriber.
        """
        client.publish(CHANNEL, END)
        output, _ = self._process.communicate(timeout=30)
        if self._process.returncode:
            raise RuntimeError("the subscriber was dropped: it read too slowly")
        return dict(json.loads(output))


@contextmanager
def listening(url: str) -> Iterator[Listener]:
    """A subscriber that has subscribed."""
    command = [sys.executable, "-m", "tests.benchmarks._listener", url]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            process.stdout.readline()
            yield Listener(process)
        finally:
            process.kill()


def _listen(path: str) -> int:
    """Count until END; the exit code."""
    counts: Counter[str] = Counter()
    reader = hiredis.Reader()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        connection.sendall(f"SUBSCRIBE {CHANNEL}\r\n".encode())
        while received := connection.recv(1 << 18):
            reader.feed(received)
            while (message := reader.gets()) is not False:
                kind, _, text = message
                if kind == b"subscribe":
                    sys.stdout.write("subscribed\n")
                    sys.stdout.flush()
                elif text == END.encode():
                    json.dump(counts, sys.stdout)
                    return 0
                elif status := _STATUS.search(text):
                    counts[status[1].decode()] += 1
    return 1


if __name__ == "__main__":
    sys.exit(_listen(sys.argv[1].removeprefix("unix://")))
