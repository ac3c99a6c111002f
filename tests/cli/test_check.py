"""`jobqueue check`."""

import json
from pathlib import Path

import pytest

from tests.support.redis import redis_server

from .conftest import Cli


@pytest.mark.browser
def test_check_names_what_it_found(cli: Cli, redis_url: str) -> None:
    """Each part that works is listed with its version or place, Chromium after a real start."""
    answer = cli("check", "--redis-url", redis_url)
    assert answer.returncode == 0, answer.stdout
    rows = [line.split(maxsplit=2) for line in answer.stdout.splitlines()]
    found = {row[1]: row[2] for row in rows if row[0] == "ok"}
    assert redis_url in found["redis"]
    assert "storage" in found["storage"]
    assert "printed a page" in found["chromium"]
    assert "watching each renderer" in found["memory"]
    assert answer.stderr == "the service can run here\n"


def test_missing_parts_come_with_a_fix(cli: Cli, tmp_path: Path) -> None:
    """What is broken is marked, with what to do, and the command fails."""
    (tmp_path / "taken").write_text("")
    answer = cli(
        "check", "--redis-url", f"unix://{tmp_path}/none.sock", "--storage", "file:taken/inside",
        JOBQUEUE_RENDER__EXECUTABLE_PATH="/nowhere/chromium",
    )  # fmt: skip
    assert answer.returncode == 1
    failed = [line.split()[1] for line in answer.stdout.splitlines() if line.startswith("FAIL")]
    assert sorted(failed) == ["chromium", "redis", "storage"]
    assert "/nowhere/chromium" in answer.stdout
    assert "fix: start it there, or set redis.url" in answer.stdout
    assert answer.stderr == "3 things to fix before the service can run here\n"


def test_a_redis_that_forgets_is_reported(cli: Cli, tmp_path: Path) -> None:
    """A Redis that evicts jobs fails the check, one that a restart empties is warned about."""
    with redis_server(tmp_path, "--maxmemory-policy", "allkeys-lru") as url:
        answer = cli("check", "--role", "reaper", "--redis-url", url, "--json")
    findings = {finding["name"]: finding for finding in json.loads(answer.stdout)}
    assert answer.returncode == 1
    assert "chromium" not in findings
    assert (findings["eviction"]["ok"], findings["eviction"]["required"]) == (False, True)
    assert "maxmemory-policy noeviction" in findings["eviction"]["fix"]
    assert (findings["persistence"]["ok"], findings["persistence"]["required"]) == (False, False)
