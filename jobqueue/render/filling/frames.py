"""How this process and its children talk: each message after its length."""

import struct
from typing import BinaryIO

LENGTH = struct.Struct(">I")

MAX_FRAME = 256 * 1024 * 1024
"""Bytes of a message: the largest answer, 32 M characters of HTML of up to 4 bytes, twice."""


def read_frame(stream: BinaryIO) -> bytes | None:
    """The next message; None at the end."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    return stream.read(length)


def write_frame(stream: BinaryIO, message: bytes) -> None:
    """Send a message at once."""
    stream.write(LENGTH.pack(len(message)))
    stream.write(message)
    stream.flush()
