"""What a parent and its worker processes tell each other, over a socket pair.

The parent sends one plan and then nothing; the child sends its status every second.
A closed socket tells either that the other is gone.
"""

import contextlib
import socket
from typing import Any

import msgspec

STATUS_INTERVAL = 1.0
"""Seconds between two statuses of a child."""

MAX_LINE = 1024 * 1024
"""Bytes of a plan or status: far more than settings and problems need."""


class Plan(msgspec.Struct, frozen=True):
    """What a child is to be.

    Attributes:
        settings: JSON of its settings.
        app: `module:object` of the user's job types.
        import_path: the parent's `sys.path`, so that the child finds the same modules.
        loop: `module:class` of the event loop.
    """

    settings: dict[str, Any]
    app: str | None
    import_path: list[str]
    loop: str


class Status(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a child is.

    Attributes:
        not_ready: what keeps it from working; None: nothing.
        hung: what hangs in it, so that it must be replaced.
        failed: why it could not start.
    """

    not_ready: str | None = None
    hung: str | None = None
    failed: str | None = None


_encode = msgspec.json.Encoder().encode
_decode_plan = msgspec.json.Decoder(Plan).decode
_decode_status = msgspec.json.Decoder(Status).decode


def encode_line(message: Plan | Status) -> bytes:
    """A message as it is sent."""
    return _encode(message) + b"\n"


def decode_status(line: bytes) -> Status:
    """A child's message."""
    return _decode_status(line)


class ParentLink:
    """The child's end.

    Args:
        descriptor: of the inherited socket.
    """

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.set_inheritable(False)

    def receive_plan(self) -> Plan:
        """Wait for the parent's plan."""
        with self._socket.makefile("rb") as lines:
            return _decode_plan(lines.readline(MAX_LINE))

    def send(self, status: Status) -> None:
        """Tell the parent; one that does not listen misses it, and never holds up the child."""
        with contextlib.suppress(OSError):
            self._socket.send(encode_line(status), socket.MSG_DONTWAIT)

    def wait_for_end(self) -> None:
        """Block until the parent is gone."""
        with contextlib.suppress(OSError):
            while self._socket.recv(4096):
                pass
