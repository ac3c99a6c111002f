"""Looking at jobs, queues and workers."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.command import clean_environ, command

from .conftest import Cli, address


@pytest.fixture(scope="module")
def job_id(service_url: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A job that is done."""
    answer = subprocess.run(
        command("submit", "echo", "--tag", "seen", "--data", '{"a": 1}', "--json", "--wait"),
        capture_output=True,
        check=True,
        cwd=tmp_path_factory.mktemp("submit"),
        env=clean_environ() | address(service_url),
    )
    found: str = json.loads(answer.stdout)["id"]
    return found


def test_get_shows_a_job(remote: Cli, job_id: str) -> None:
    """`get` shows what is known of a job, one thing a line."""
    answer = remote("get", job_id)
    lines = dict(line.split(maxsplit=1) for line in answer.stdout.splitlines())
    assert lines["id"] == job_id
    assert lines["state"] == "completed"
    assert lines["attempt"] == "1 of 3"
    assert lines["tags"] == "seen"
    assert lines["result"] == '{"a":1}'
    assert lines["finished"].endswith(" ago)")


def test_get_as_json_is_the_job(remote: Cli, job_id: str) -> None:
    """`get --json` is the job's document."""
    job = json.loads(remote("get", job_id, "--json").stdout)
    assert (job["id"], job["result"]) == (job_id, {"a": 1})


def test_list_shows_whole_ids(remote: Cli, job_id: str) -> None:
    """`list` shows each job below its state, with an id that other verbs take."""
    answer = remote("list", "--state", "completed", "--tag", "seen")
    assert answer.stdout.splitlines()[0] == "completed"
    assert job_id in answer.stdout.splitlines()[1].split()


def test_list_as_json_goes_on_with_its_cursor(remote: Cli) -> None:
    """A list that was cut goes on with the cursor that it gave, without gap or repetition."""
    submit = ["submit", "echo", "--tag", "paged", "--data", "{}", "--wait", "--json"]
    submitted = {json.loads(remote(*submit).stdout)["id"] for _ in range(3)}
    paged = ["list", "--tag", "paged", "--json"]
    first = json.loads(remote(*paged, "--limit", "1").stdout)
    rest = json.loads(remote(*paged, "--cursor", first["cursor"]).stdout)
    assert len(first["jobs"]) == 1
    assert sorted(job["id"] for job in first["jobs"] + rest["jobs"]) == sorted(submitted)


def test_an_empty_list_says_so(remote: Cli) -> None:
    """A list without jobs says that there are none, apart from the output."""
    answer = remote("list", "--tag", "nobody-uses-this")
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "no jobs\n")


@pytest.mark.usefixtures("job_id")
def test_stats_count_by_queue(remote: Cli) -> None:
    """`stats` has a line for each queue with its counts."""
    answer = remote("stats")
    head, *lines = answer.stdout.splitlines()
    assert head.split() == [
        "QUEUE", "QUEUED", "ACTIVE", "SCHEDULED", "COMPLETED", "DEAD", "CANCELLED",
    ]  # fmt: skip
    [default] = [line.split() for line in lines if line.startswith("default ")]
    assert int(default[4]) >= 1
    assert json.loads(remote("stats", "--json").stdout)["completed"] >= 1


def test_workers_show_their_pools(remote: Cli) -> None:
    """`workers` names each worker, its health, and the slots of its pools."""
    answer = remote("workers")
    assert "healthy, last beat " in answer.stdout
    assert any(line.split()[:2] == ["default", "2"] for line in answer.stdout.splitlines())
    [worker] = json.loads(remote("workers", "--json").stdout)
    assert worker["healthy"] is True
    assert worker["id"] in answer.stdout


@pytest.mark.usefixtures("job_id")
def test_queues_show_who_works_on_them(remote: Cli) -> None:
    """`queues` shows the workers and slots of each queue, and which has none."""
    remote("submit", "echo", "--queue", "nobodys", "--data", "{}")
    rows = [line.split() for line in remote("queues").stdout.splitlines()]
    [served] = [row for row in rows if row[0] == "default"]
    [unserved] = [row for row in rows if row[0] == "nobodys"]
    assert served[-2:] == ["2", "1"]
    assert unserved[-2:] == ["0", "none"]
    names = [queue["name"] for queue in json.loads(remote("queues", "--json").stdout)]
    assert "nobodys" in names


@pytest.mark.parametrize("verb", ["stats", "workers", "queues", "list"])
def test_an_absent_service_has_its_own_code(cli: Cli, verb: str) -> None:
    """Where no service listens, every verb ends with 3 and says where it looked."""
    answer = cli(verb, JOBQUEUE_URL="http://127.0.0.1:9")
    assert answer.returncode == 3
    assert answer.stderr.startswith("error: cannot reach the service at http://127.0.0.1:9 (")
    assert answer.stderr.count("\n") == 1


def test_a_token_is_asked_for(remote: Cli) -> None:
    """Where the service wants a token, a missing or wrong one ends with 2 and says what to set."""
    for token in ("", "wrong"):
        answer = remote("stats", JOBQUEUE_TOKEN=token)
        assert answer.returncode == 2
        assert "set JOBQUEUE_TOKEN" in answer.stderr
        assert answer.stderr.count("\n") == 1


def test_a_reader_that_leaves_is_no_error(tmp_path: Path, service_url: str) -> None:
    """`jobqueue … | head` ends quietly."""
    line = f"{' '.join(command('workers', '--json'))}; echo $? >code"
    ended = subprocess.run(
        ["/bin/bash", "-c", f"({line}) | true"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env=clean_environ() | address(service_url),
    )
    assert ended.stderr == ""
    assert (tmp_path / "code").read_text().strip() == "141"
