"""Settings: where they may be given, and who wins."""

import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.config import LONG_NAMES, REDIS_PARTS, SHORT_NAMES
from jobqueue.errors import SettingsError
from jobqueue.settings import Settings
from tests.support.settings import NOWHERE, from_environ, from_files


def test_nothing_configured() -> None:
    """Without any configuration everything has its default and lives under ./.jobqueue."""
    settings, warnings = from_environ()
    assert settings == Settings(data_dir=NOWHERE / ".jobqueue")
    assert settings.redis.url == "embedded:"
    assert warnings == []


@given(st.lists(st.integers(1, 10_000) | st.none(), min_size=5, max_size=5).filter(any))
def test_the_later_source_wins(given: list[int | None]) -> None:
    """File, .env, short name, long name, argument: the last of those that are given wins."""
    toml, in_dotenv, short, long, flag = given
    variables = {"WORKER_CONCURRENCY": short, "JOBQUEUE_WORKER__CONCURRENCY": long}
    with tempfile.TemporaryDirectory() as folder:
        settings, _ = from_files(
            Path(folder),
            toml=f"[worker]\nconcurrency = {toml}\n" if toml else None,
            dotenv=f"WORKER_CONCURRENCY={in_dotenv}\n" if in_dotenv else None,
            environ={name: str(value) for name, value in variables.items() if value},
            flags={"worker": {"concurrency": flag}},
        )
    assert settings.worker.concurrency == [value for value in given if value][-1]


def test_long_name_in_dotenv_wins_over_short_name_in_environment(tmp_path: Path) -> None:
    """A long name wins over a short one wherever each is given, even over a wrong one."""
    settings, _ = from_files(
        tmp_path, dotenv="JOBQUEUE_WORKER__PROCESSES=3\n", environ={"WORKER_COUNT": "many"}
    )
    assert settings.worker.processes == 3


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("REDIS_URL", "rediss://cache:6380/2", {"redis": {"url": "rediss://cache:6380/2"}}),
        ("REDIS_HOST", "cache", {"redis": {"url": "redis://cache:6379/0"}}),
        ("REDIS_HOST", "::1", {"redis": {"url": "redis://[::1]:6379/0"}}),
        ("REDIS_PORT", "6380", {"redis": {"url": "redis://localhost:6380/0"}}),
        ("WORKER_COUNT", "4", {"worker": {"processes": 4}}),
        ("WORKER_CONCURRENCY", "8", {"worker": {"concurrency": 8}}),
        ("WORKER_LOCK_DURATION", "30000", {"worker": {"lease": 30.0}}),
        ("WORKER_ID", "node-7", {"worker": {"id": "node-7"}}),
        ("MAX_RETRIES", "0", {"limits": {"max_attempts": 1}}),
        ("MAX_RETRIES", "4", {"limits": {"max_attempts": 5}}),
        ("REPORTS_BUCKET_NAME", "acme", {"storage": {"url": "s3://acme"}}),
        ("AWS_REGION", "eu-central-1", {"storage": {"region": "eu-central-1"}}),
        ("SOURCE_DATE_EPOCH", "1700000000", {"render": {"source_date_epoch": 1700000000}}),
        ("PORT", "9000", {"http": {"port": 9000}}),
        ("JOBQUEUE_REDIS__URL", "unix:///run/r.sock", {"redis": {"url": "unix:///run/r.sock"}}),
        ("JOBQUEUE_STORAGE__URL", "s3://acme/pdf", {"storage": {"url": "s3://acme/pdf"}}),
        ("JOBQUEUE_HTTP__ALLOW_ANONYMOUS", "true", {"http": {"allow_anonymous": True}}),
        ("JOBQUEUE_HTTP__JWT__LEEWAY", "5", {"http": {"jwt": {"leeway": 5}}}),
        (
            "JOBQUEUE_HTTP__JWT__ALGORITHMS",
            "RS256, ES256",
            {"http": {"jwt": {"algorithms": ("RS256", "ES256")}}},
        ),
        (
            "JOBQUEUE_WORKER__QUEUES",
            "reports=2, mail=50",
            {"worker": {"queues": {"reports": 2, "mail": 50}}},
        ),
        (
            "JOBQUEUE_WORKER__RATES",
            "mail=100/60, sms=1/0.5",
            {"worker": {"rates": {"mail": "100/60", "sms": "1/0.5"}}},
        ),
    ],
)
def test_names_of_variables(variable: str, value: str, expected: dict[str, Any]) -> None:
    """Every documented variable sets what it says, without a warning."""
    settings, warnings = from_environ(**{variable: value})
    changed = settings.model_dump(exclude_defaults=True, exclude={"data_dir"})
    assert (changed, warnings) == (expected, [])


def test_every_short_name_is_covered() -> None:
    """The table above knows every short name."""
    marks = test_names_of_variables.pytestmark
    covered = {row[0] for row in marks[0].args[1]}
    assert {*SHORT_NAMES, "REDIS_HOST", "REDIS_PORT"} <= covered


def test_redis_url_wins_over_its_parts() -> None:
    """REDIS_URL is taken as it is; the parts beside it are ignored."""
    settings, _ = from_environ(REDIS_URL="redis://a", REDIS_HOST="b", REDIS_PASSWORD="c")  # noqa: S106 - no real one
    assert settings.redis.url == "redis://a"


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).map(str.strip))
def test_any_password_survives(password: str) -> None:
    """REDIS_PASSWORD may hold any character."""
    settings, _ = from_environ(REDIS_HOST="cache", REDIS_PASSWORD=password, REDIS_DB="3")
    parts = urlsplit(settings.redis.url)
    assert unquote(parts.password or "") == password
    assert (parts.hostname, parts.path) == ("cache", "/3")


def test_password_without_a_host_is_not_used_silently() -> None:
    """REDIS_PASSWORD alone changes nothing and says so, without showing it."""
    settings, warnings = from_environ(REDIS_PASSWORD="hunter2")  # noqa: S106 - no real one
    assert settings.redis.url == "embedded:"
    assert warnings == ["REDIS_PASSWORD: ignored without REDIS_HOST"]


def test_empty_variables_count_as_absent() -> None:
    """`REDIS_URL=` (as compose files pass on what is not set) means the default."""
    environ = dict.fromkeys([*SHORT_NAMES, *LONG_NAMES, *REDIS_PARTS], " ")
    assert from_environ(**environ) == (Settings(data_dir=NOWHERE / ".jobqueue"), [])


def test_kubernetes_addresses_are_no_ports() -> None:
    """What Kubernetes injects for services named redis and jobqueue stops nothing."""
    settings, warnings = from_environ(
        REDIS_PORT="tcp://10.0.0.1:6379",
        PORT="tcp://10.0.0.2:80",
        JOBQUEUE_PORT="tcp://10.0.0.3:8080",
        JOBQUEUE_SERVICE_HOST="10.0.0.3",
        JOBQUEUE_SERVICE_PORT="8080",
        JOBQUEUE_PORT_8080_TCP_ADDR="10.0.0.3",
    )
    assert settings.http.port is None
    assert settings.redis.url == "embedded:"
    assert [warning.split()[0] for warning in warnings] == ["REDIS_PORT", "PORT", "JOBQUEUE_PORT"]


def test_unknown_variable_warns() -> None:
    """A misspelt JOBQUEUE_ variable is named, with what was probably meant."""
    _, warnings = from_environ(JOBQUEUE_REDIS_URL="redis://a", REDIS_UR="x", UNRELATED="y")
    assert warnings == [
        (
            "JOBQUEUE_REDIS_URL in the environment: no such setting, ignored; "
            "did you mean JOBQUEUE_REDIS__URL?"
        )
    ]


def test_variables_of_the_client_do_not_warn() -> None:
    """JOBQUEUE_URL and JOBQUEUE_TOKEN belong to the client verbs."""
    assert from_environ(JOBQUEUE_URL="http://x", JOBQUEUE_TOKEN="t")[1] == []  # noqa: S106 - no real one


def test_config_must_exist(tmp_path: Path) -> None:
    """The file of `--config` must be there, and is read instead of the default one."""
    with pytest.raises(SettingsError, match=r"cannot read other\.toml: No such file"):
        from_files(tmp_path, config=Path("other.toml"))
    (tmp_path / "other.toml").write_text("[http]\nport = 1234\n")
    settings, _ = from_files(tmp_path, toml="[http]\nhost = '::1'\n", config=Path("other.toml"))
    assert (settings.http.port, settings.http.host) == (1234, "127.0.0.1")


def test_dollar_in_dotenv_means_itself(tmp_path: Path) -> None:
    """A password with `$` in `.env` is taken as it is written."""
    settings, _ = from_files(tmp_path, dotenv="JOBQUEUE_HTTP__TOKEN='a${HOME}b'\n")
    assert settings.http.token is not None
    assert settings.http.token.get_secret_value() == "a${HOME}b"


def test_virtualenv_named_dotenv_is_not_read(tmp_path: Path) -> None:
    """A folder called .env is somebody's virtual environment, not a file of settings."""
    (tmp_path / ".env").mkdir()
    assert from_files(tmp_path)[1] == []
