"""`jobqueue settings`."""

import json
import tomllib
from pathlib import Path

from .conftest import Cli


def test_settings_are_a_config_file(cli: Cli, tmp_path: Path) -> None:
    """What `settings` prints can be used as config file and gives the same settings."""
    environ = {"JOBQUEUE_WORKER__QUEUES": "reports=2", "WORKER_LOCK_DURATION": "7500"}
    printed = cli("settings", **environ).stdout
    assert tomllib.loads(printed)["worker"]["lease"] == 7.5
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "jobqueue.toml").write_text(printed)
    assert cli("settings").stdout == printed


def test_secrets_are_not_shown(cli: Cli) -> None:
    """Neither the token nor a login in a URL is printed, in TOML or JSON."""
    secrets = {
        "JOBQUEUE_HTTP__TOKEN": "hunter2",
        "JOBQUEUE_HTTP__JWT__ISSUER": "https://login.example.test",
        "JOBQUEUE_HTTP__JWT__AUDIENCE": "jobqueue",
        "JOBQUEUE_HTTP__JWT__SECRET": "hunter2" * 5,
        "REDIS_URL": "redis://me:hunter2@redis:6379/0",
        "JOBQUEUE_STORAGE__ENDPOINT_URL": "http://me:hunter2@s3:9000",
    }
    for arguments in (["settings"], ["settings", "--json"]):
        answer = cli(*arguments, **secrets)
        assert answer.returncode == 0, answer.stderr
        assert "hunter2" not in answer.stdout
        assert "redis://***@redis:6379/0" in answer.stdout


def test_settings_as_json(cli: Cli) -> None:
    """With --json the settings are nested as in the config file, what is not set is null."""
    tree = json.loads(cli("settings", "--json", "--redis-url", "redis://elsewhere").stdout)
    assert tree["redis"]["url"] == "redis://elsewhere"
    assert tree["http"]["port"] is None


def test_a_wrong_setting_is_named(cli: Cli) -> None:
    """A wrong value ends with 2 and one line that names the variable; an unknown one is noted."""
    answer = cli("settings", WORKER_COUNT="many", JOBQUEUE_HTTP__PROT="1")
    assert answer.returncode == 2
    assert "WORKER_COUNT" in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert "JOBQUEUE_HTTP__PROT" in cli("settings", JOBQUEUE_HTTP__PROT="1").stderr
