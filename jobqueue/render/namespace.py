"""Listening where a browser is: in its network namespace, which has nothing else in it."""

import ctypes
import fcntl
import os
import socket
import struct
import threading
from pathlib import Path

_CLONE_NEWNET = 0x4000_0000
_SIOCGIFFLAGS, _SIOCSIFFLAGS = 0x8913, 0x8914
_IFF_UP = 1
"""Of linux/sched.h, linux/sockios.h and linux/if.h."""

_LOOPBACK = "127.0.0.1"
_BACKLOG = 128


def listen(process: int | None) -> socket.socket:
    """A listening socket at a free port of the loopback interface.

    Args:
        process: the one in whose network namespace it listens; None: in our own.

    Raises:
        OSError: that namespace is gone, or must not be entered.
    """
    if process is None:
        return _listen()
    namespace = os.open(Path(f"/proc/{process}/ns/net"), os.O_RDONLY)
    try:
        return _in_thread(namespace)
    finally:
        os.close(namespace)


def _listen() -> socket.socket:
    listener = socket.socket()
    try:
        listener.bind((_LOOPBACK, 0))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def _in_thread(namespace: int) -> socket.socket:
    """Listen in a namespace: a socket stays where it was made, and a thread ends with its move."""
    found: list[socket.socket | OSError] = []

    def enter_and_listen() -> None:
        try:
            _enter(namespace)
            _start_loopback()
            found.append(_listen())
        except OSError as error:
            found.append(error)

    thread = threading.Thread(target=enter_and_listen, name="namespace")
    thread.start()
    thread.join()
    (result,) = found
    if isinstance(result, OSError):
        raise result
    return result


def _enter(namespace: int) -> None:
    """Move this thread, and no other, into a network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _start_loopback() -> None:
    """Start the interface, which is down in a new namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14x", b"lo", 0)
        _, flags = struct.unpack("16sH14x", fcntl.ioctl(control, _SIOCGIFFLAGS, request))
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | _IFF_UP))
