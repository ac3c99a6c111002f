"""A control group of the kernel around a browser: all its processes together get so much memory.

What the kernel ends when they want more is the renderer that is to blame: Chromium makes its
renderers the first to go. The watch over each renderer (memory.py) stays; the group catches what
grows faster than it looks, and counts files in memory as well.

Only version 2, and only where the service was given a subtree of its own (`Delegate=memory` and
`DelegateSubgroup=` of systemd, or the same by hand): elsewhere the groups are another's business.

Source: https://docs.kernel.org/admin-guide/cgroup-v2.html, "Memory" and "Delegation".
"""

import os
from contextlib import suppress
from pathlib import Path

from jobqueue.render.folder import PREFIX

REST_OF_CHROMIUM = 512 * 1024 * 1024
"""Bytes that a browser gets beside what its renderers may have: twice of what is usual."""

_ROOT = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")

_DELEGATED = ("user.delegate", "trusted.delegate")
"""Extended attributes by which systemd marks a subtree that it has given away."""


class MemoryGroup:
    """One control group; of `make`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def make(cls, parent: Path, name: str, limit: int) -> "MemoryGroup":
        """A group whose processes get `limit` bytes together, and no swap.

        Raises:
            OSError: the system does not let us.
        """
        group = cls(parent / name)
        group.path.mkdir()
        try:
            (group.path / "memory.max").write_text(str(limit))
            (group.path / "memory.oom.group").write_text("0")  # one process goes, not all
            swap = group.path / "memory.swap.max"
            if swap.exists():
                swap.write_text("0")
        except BaseException:
            group.remove()
            raise
        return group

    def kills(self) -> int:
        """How many of its processes the kernel has ended for their memory."""
        try:
            events = (self.path / "memory.events").read_text().split()
        except OSError:
            return 0
        return int(dict(zip(events[::2], events[1::2], strict=True)).get("oom_kill", 0))

    def remove(self) -> None:
        """Remove the group; one that still has processes stays until `sweep_groups`."""
        with suppress(OSError):
            self.path.rmdir()


def parent_of_groups(root: Path = _ROOT, membership: Path = _MEMBERSHIP) -> Path | None:
    """Where groups of browsers may be made; None where they may not.

    Args:
        root: where the hierarchy is mounted.
        membership: says which group this process is in.
    """
    own = _own_group(root, membership)
    if own is None:
        return None
    for parent in (own, own.parent):
        if root in (parent, *parent.parents) and _gives_memory(parent) and _is_ours(parent):
            return parent
    return None


def _own_group(root: Path, membership: Path) -> Path | None:
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("0::/"):
            return root / line.removeprefix("0::/")
    return None


def _gives_memory(parent: Path) -> bool:
    """Whether groups below get memory, or do when they are told to."""
    control = parent / "cgroup.subtree_control"
    try:
        if "memory" in control.read_text().split():
            return True
        if "memory" in (parent / "cgroup.controllers").read_text().split():
            control.write_text("+memory")  # refused while processes are in the parent itself
            return "memory" in control.read_text().split()
    except OSError:
        pass
    return False


def _is_ours(parent: Path) -> bool:
    """Whether the subtree was given to this service."""
    for name in _DELEGATED:
        with suppress(OSError, AttributeError):  # not there, or not on this system
            if os.getxattr(parent, name) == b"1":
                return True
    return False


def sweep_groups(parent: Path) -> None:
    """Remove the groups of browsers that are no more; those in use refuse it."""
    for path in parent.glob(f"{PREFIX}*"):
        MemoryGroup(path).remove()
