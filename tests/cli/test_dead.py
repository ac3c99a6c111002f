"""Dead letters on the command line."""

import json

from .conftest import Cli


def test_dead_letters_are_listed_replayed_and_purged(remote: Cli) -> None:
    """A dead job is shown with its error, can be run again, and can be forgotten."""
    job_id = json.loads(remote("submit", "fail", "--tag", "d", "--data", "{}", "--json").stdout)[
        "id"
    ]
    remote("result", job_id, "--wait", "30")
    (line,) = remote("dead", "--tag", "d").stdout.splitlines()
    assert job_id in line
    assert "attempts_exhausted" in line
    dry = remote("dead", "replay", "--tag", "d", "--dry-run")
    assert dry.stdout == "1 job would be queued again\n"
    assert remote("dead", "replay", "--tag", "d").stdout == "1 job was queued again\n"
    remote("result", job_id, "--wait", "30")
    assert json.loads(remote("dead", "purge", "--tag", "d", "--json").stdout) == {"count": 1}
    assert "no dead jobs" in remote("dead", "list", "--tag", "d").stderr


def test_all_dead_letters_must_be_meant(remote: Cli) -> None:
    """Without a filter nothing is replayed or purged unless `--all` says so."""
    for action in ("replay", "purge"):
        answer = remote("dead", action)
        assert answer.returncode == 2
        assert "--all" in answer.stderr
