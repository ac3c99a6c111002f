"""Where control groups are made, in folders laid out as the kernel's are."""

import os
from pathlib import Path

import pytest

from jobqueue.render.memory_group import MemoryGroup, parent_of_groups, sweep_groups


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """The delegated group of a service that runs in a group below, as systemd makes them."""
    service = tmp_path / "cgroup" / "jobqueue.service"
    (service / "main").mkdir(parents=True)
    (service / "cgroup.controllers").write_text("memory pids\n")
    (service / "cgroup.subtree_control").write_text("memory\n")
    (tmp_path / "membership").write_text("0::/jobqueue.service/main\n")
    try:
        os.setxattr(service, "user.delegate", b"1")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    return service


def parent(service: Path) -> Path | None:
    """Where groups may be made."""
    return parent_of_groups(service.parent, service.parents[1] / "membership")


def test_groups_are_made_in_a_delegated_subtree(service: Path) -> None:
    """Beside the group in which the service runs."""
    assert parent(service) == service


def test_what_is_not_delegated_is_left_alone(service: Path) -> None:
    """Neither another's subtree is used, nor one that gives no memory, nor an older version."""
    os.removexattr(service, "user.delegate")
    assert parent(service) is None
    os.setxattr(service, "user.delegate", b"1")
    (service / "cgroup.subtree_control").write_text("\n")
    (service / "cgroup.controllers").write_text("pids\n")
    assert parent(service) is None
    (service.parents[1] / "membership").write_text("4:memory:/jobqueue.service/main\n")
    assert parent(service) is None
    (service.parents[1] / "membership").unlink()
    assert parent(service) is None


def test_memory_is_turned_on_where_it_may_be(service: Path) -> None:
    """A subtree that could give memory and does not yet is told to."""
    (service / "cgroup.subtree_control").write_text("\n")
    assert parent(service) is None  # a file keeps `+memory`; the kernel would answer `memory`
    assert (service / "cgroup.subtree_control").read_text() == "+memory"


def test_a_group_limits_all_together_and_ends_one(service: Path) -> None:
    """The limit is that of the group; what is ended for it is a process and not the group."""
    group = MemoryGroup.make(service, "jobqueue-browser-x", 123)
    assert (group.path / "memory.max").read_text() == "123"
    assert (group.path / "memory.oom.group").read_text() == "0"
    assert group.kills() == 0
    (group.path / "memory.events").write_text("low 0\nmax 7\noom 2\noom_kill 2\n")
    assert group.kills() == 2


def test_empty_groups_of_dead_workers_are_removed(service: Path) -> None:
    """A group that still has something in it stays."""
    (service / "jobqueue-browser-old").mkdir()
    (service / "jobqueue-browser-used" / "child").mkdir(parents=True)
    sweep_groups(service)
    assert not (service / "jobqueue-browser-old").exists()
    assert (service / "jobqueue-browser-used").exists()
    assert (service / "main").exists()
