"""Submitting a job, and following it to its end."""

import json
import os
import re
from pathlib import Path

import pytest

from .conftest import Cli

ID = re.compile(r"[a-z-]+-[0-9A-HJKMNP-TV-Z]{26}")


def test_submit_prints_the_id(remote: Cli) -> None:
    """A submit prints the job's id and nothing else, for use in scripts."""
    answer = remote("submit", "echo", "--data", "{}")
    assert answer.returncode == 0, answer.stderr
    assert ID.fullmatch(answer.stdout.strip())
    assert answer.stderr == ""


def test_submit_and_wait_prints_the_result(remote: Cli) -> None:
    """With --wait the result is printed as JSON, digit by digit as it was given."""
    answer = remote("submit", "echo", "--wait", "--data", '{"sum": 12345678901234567890, "e": []}')
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout) == {"sum": 12345678901234567890, "e": []}
    assert "completed in " in answer.stderr


def test_data_comes_from_a_file_or_standard_input(remote: Cli, tmp_path: Path) -> None:
    """--data takes a file after `@` and standard input as `-`."""
    (tmp_path / "data.json").write_text('{"from": "Köln"}', encoding="utf-8")
    for arguments, stdin in ((["@data.json"], ""), (["-"], '{"from": "Köln"}')):
        answer = remote("submit", "echo", "--wait", "--data", *arguments, stdin=stdin)
        assert json.loads(answer.stdout) == {"from": "Köln"}, answer.stderr


@pytest.mark.parametrize("job_id", ["../stats", "a/b", "a?x=1", "a#b", "", "ä"])
def test_only_an_id_names_a_job(remote: Cli, job_id: str) -> None:
    """Nothing else leads anywhere, whatever it would mean in an address."""
    for verb in ("get", "cancel", "retry"):
        answer = remote(verb, job_id)
        assert answer.returncode == 1
        assert answer.stderr == f"error: there is no job {job_id!r}\n"


def test_an_argument_that_is_no_text_is_refused(remote: Cli) -> None:
    """Bytes that are not UTF-8 are said to be just that."""
    answer = remote("submit", "report-generation", "--html", os.fsdecode(b"x\xff"))
    assert answer.returncode == 2
    assert answer.stderr == "error: an argument is not UTF-8 text\n"


def test_waiting_shows_progress_as_lines(remote: Cli) -> None:
    """Away from a terminal progress is plain lines on stderr, each change once."""
    answer = remote("submit", "count", "--wait", "--data", '{"pause": 0.8}')
    assert json.loads(answer.stdout) == "counted"
    assert "active 25 %: counted to 25\n" in answer.stderr
    assert "active 75 %: counted to 75\n" in answer.stderr
    assert answer.stderr.count("counted to 25") == 1
    assert answer.stderr.count("completed") == 1
    assert "\x1b" not in answer.stderr


def test_json_is_the_whole_job(remote: Cli) -> None:
    """With --json a submit prints the job's document, with --wait the one of its end."""
    first = json.loads(remote("submit", "echo", "--data", "{}", "--json").stdout)
    assert first["type"] == "echo"
    last = json.loads(remote("submit", "echo", "--data", "{}", "--json", "--wait").stdout)
    assert last["state"] == "completed"
    assert last["result"] == {}


def test_a_dead_job_fails_the_command(remote: Cli) -> None:
    """A job that ends dead gives exit code 1, its reason on one line, and how to go on."""
    answer = remote("submit", "fail", "--wait", "--data", "{}")
    assert answer.returncode == 1
    assert answer.stdout == ""
    last = answer.stderr.splitlines()[-1]
    assert "is dead after 1 attempt: " in last
    assert "bad [31mthing in two lines" in last
    assert "jobqueue retry " in last


def test_options_of_a_submit_are_kept(remote: Cli) -> None:
    """Priority, delay, queue, tags and attempts reach the job."""
    arguments = ["--priority", "high", "--delay", "60", "--queue", "later", "--tag", "a"]
    answer = remote(
        "submit", "echo", "--data", "{}", "--json", *arguments, "--tag", "b", "--max-attempts", "7"
    )
    job = json.loads(answer.stdout)
    assert (job["state"], job["priority"], job["queue"]) == ("scheduled", "high", "later")
    assert (job["tags"], job["max_attempts"]) == (["a", "b"], 7)


def test_waiting_too_long_has_its_own_code(remote: Cli) -> None:
    """A job that has not ended in time gives exit code 4 and says how to look again."""
    answer = remote("submit", "echo", "--delay", "60", "--wait", "--timeout", "0.5", "--data", "{}")
    assert answer.returncode == 4
    assert "is still scheduled after 0.5 s; it goes on: jobqueue result " in answer.stderr


def test_an_unknown_type_is_refused(remote: Cli) -> None:
    """A type that no worker runs is refused in one line, as wrong usage."""
    answer = remote("submit", "no-such-type", "--data", "{}")
    assert answer.returncode == 2
    assert "no-such-type" in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_an_unknown_job_is_named(remote: Cli) -> None:
    """An id that is not known gives exit code 1 from every verb that takes one."""
    unknown = "reports-01JD2V6X3S9K8QZ4M7N5T1W0YB"
    for verb in ("get", "result", "cancel", "retry"):
        answer = remote(verb, unknown)
        assert answer.returncode == 1
        assert unknown in answer.stderr
        assert answer.stderr.count("\n") == 1


def test_cancel_and_retry(remote: Cli) -> None:
    """A waiting job can be cancelled, a cancelled one run again, and each only once."""
    job_id = remote("submit", "echo", "--delay", "600", "--data", "{}").stdout.strip()
    assert remote("cancel", job_id).stdout == f"{job_id} is cancelled\n"
    again = remote("cancel", job_id)
    assert again.returncode == 1
    assert "nothing to cancel" in again.stderr
    result = remote("result", job_id)
    assert result.returncode == 1
    assert f"{job_id} was cancelled; to run it again: jobqueue retry {job_id}" in result.stderr
    assert remote("retry", job_id).stdout == f"{job_id} was queued again\n"
    assert remote("result", job_id, "--wait").returncode == 0
    assert remote("retry", job_id).returncode == 1


def test_a_running_job_is_told_to_stop(remote: Cli) -> None:
    """Cancelling a job that runs says so, and it ends cancelled."""
    job_id = remote("submit", "count", "--data", '{"pause": 15}').stdout.strip()
    waiting = remote("result", job_id, "--wait", "--timeout", "1")
    assert "still active" in waiting.stderr
    assert "was told to stop" in remote("cancel", job_id).stdout
    ended = remote("result", job_id, "--wait", "--timeout", "30")
    assert ended.returncode == 1
    assert "was cancelled" in ended.stderr


def test_a_result_that_is_not_there_yet(remote: Cli) -> None:
    """Asking for the result of a job that has not ended says so and how to wait."""
    job_id = remote("submit", "echo", "--delay", "600", "--data", "{}").stdout.strip()
    answer = remote("result", job_id)
    assert answer.returncode == 1
    assert "is still scheduled: wait for it with --wait" in answer.stderr


def test_a_result_without_document_cannot_be_saved(remote: Cli, tmp_path: Path) -> None:
    """--out for a job that makes no document says how to print its result instead."""
    answer = remote("submit", "echo", "--data", "{}", "--out", "out.pdf")
    assert answer.returncode == 1
    assert "made no document; to print its result: jobqueue result " in answer.stderr
    assert not (tmp_path / "out.pdf").exists()
