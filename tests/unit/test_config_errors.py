"""Settings: what a wrong one says."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.config import LONG_NAMES, REDIS_PARTS, SHORT_NAMES, load_settings
from jobqueue.errors import SettingsError
from tests.support.settings import NOWHERE, from_environ, from_files

JWT = "[http.jwt]\nissuer = 'x'\naudience = 'y'\n"
"""What tokens need beside a key."""


def refusal(**environ: str) -> str:
    """What is said about these variables."""
    with pytest.raises(SettingsError) as caught:
        from_environ(**environ)
    return str(caught.value)


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (
            "[worker]\nconcurency = 3",
            (
                "worker.concurency in config/jobqueue.toml: no such setting; "
                "did you mean worker.concurrency?"
            ),
        ),
        ("[zebra]\nx = 1", "zebra in config/jobqueue.toml: no such setting"),
        ("worker = 3", "worker in config/jobqueue.toml: must be a table of settings"),
        (
            "[worker]\nconcurrency = 0",
            (
                "worker.concurrency in config/jobqueue.toml: "
                "must be greater than or equal to 1 (got 0)"
            ),
        ),
        (
            "[worker.queues]\nmail = 0",
            (
                "worker.queues in config/jobqueue.toml, mail: "
                "must be greater than or equal to 1 (got 0)"
            ),
        ),
        (
            "[worker.rates]\nmail = '100 a minute'",
            "worker.rates in config/jobqueue.toml, mail: must be like 100/60: starts, seconds",
        ),
        (
            "[worker.rates]\nmail = '5/0.0'",
            "worker.rates in config/jobqueue.toml, mail: must be over at most 86400 seconds",
        ),
        (
            "[log]\nlevel = 'loud'",
            (
                "log.level in config/jobqueue.toml: "
                "must be 'debug', 'info', 'warning' or 'error' (got 'loud')"
            ),
        ),
        (
            'data_dir = "a\\u0000b"',
            "data_dir in config/jobqueue.toml: must not hold a NUL character",
        ),
        ("[http]\ntoken = ''", "http.token in config/jobqueue.toml: must not be empty"),
        (
            "[http.jwt]\nissuer = 'x'",
            "http.jwt.issuer in config/jobqueue.toml: audience must be set where issuer is",
        ),
        (
            "[http.jwt]\nissuer = 'x'\naudience = 'y'",
            "http.jwt.issuer in config/jobqueue.toml: one of",
        ),
        (f"{JWT}jwks = 'http://idp/keys'", "http.jwt.issuer in config/jobqueue.toml: jwks must be"),
        (
            f"{JWT}jwks = 'k'\nsecret = '{'s' * 32}'",
            "http.jwt.issuer in config/jobqueue.toml: one of",
        ),
        (
            f"{JWT}jwks = 'k'\nalgorithms = ['HS256']",
            "http.jwt.issuer in config/jobqueue.toml: algorithms must not be HS",
        ),
        (
            f"{JWT}secret = '{'s' * 32}'\nalgorithms = ['RS256']",
            "http.jwt.issuer in config/jobqueue.toml: algorithms must be HS256",
        ),
        (f"{JWT}secret = 'short'", "http.jwt.issuer in config/jobqueue.toml: secret must have 32"),
        (f"{JWT}algorithms = ['none']", "http.jwt.algorithms in config/jobqueue.toml, 0: must be"),
        ("[http.jwt]\nissuers = 'x'", "http.jwt.issuers in config/jobqueue.toml: no such setting"),
        ("[http]\njwt = 'x'", "http.jwt in config/jobqueue.toml: must be a table of settings"),
        ("[http", "config/jobqueue.toml is not TOML: "),
    ],
)
def test_wrong_file(tmp_path: Path, toml: str, message: str) -> None:
    """A wrong entry in the file stops the start, with one line that says where and what."""
    with pytest.raises(SettingsError) as caught:
        from_files(tmp_path, toml=toml)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("WORKER_COUNT", "two", "must be a whole number (got 'two')"),
        ("WORKER_LOCK_DURATION", "30s", "must be a number of milliseconds (got '30s')"),
        ("WORKER_LOCK_DURATION", "nan", "must be a finite number (got nan)"),
        ("MAX_RETRIES", "-1", "must be greater than or equal to 1 (got 0)"),
        ("REDIS_URL", "http://h", "must start with redis://, rediss:// or unix://"),
        ("REDIS_URL", "redis:h", "must start with redis://, rediss:// or unix://"),
        ("REDIS_URL", "redis://", "must be like redis://host:6379/0"),
        ("REDIS_URL", "redis://h:123456", "must be like redis://host:6379/0"),
        ("REDIS_URL", "redis://h/name", "must be like redis://host:6379/0"),
        ("REDIS_URL", "unix://", "must name the socket"),
        ("REDIS_URL", "redis+sentinel://h:1", "redis+sentinel://host:26379,host:26379/name/0"),
        ("REDIS_URL", "redis+sentinel://h:1/jobs/x", "must be like redis+sentinel://"),
        ("REDIS_URL", "redis+sentinel://h:1,:2/jobs", "number 2 of the list is not one"),
        ("REDIS_URL", "redis+sentinel:///jobs", "must list its hosts as host:26379"),
        ("REDIS_URL", "redis+cluster://", "must list its hosts as host:6379,host:6379"),
        ("REDIS_URL", "redis+cluster://h:1,i:99999", "number 2 of the list is not one"),
        ("REDIS_URL", "redis+cluster://h:1,", "number 2 of the list is not one"),
        ("REDIS_URL", "redis+cluster://h:1/1", "must name no database but 0"),
        ("REDIS_URL", "redis+cluster://:a/b@h:1", "percent-encoded"),
        ("JOBQUEUE_STORAGE__URL", "ftp://h", "must be file: (a folder) or s3://bucket/prefix"),
        ("JOBQUEUE_STORAGE__URL", "s3://", "must name a bucket"),
        ("JOBQUEUE_STORAGE__URL", "file:a%00b", "must not hold a NUL character"),
        ("JOBQUEUE_DATA_DIR", "~0", "must name a user of this machine after its ~ (got '~0')"),
        ("JOBQUEUE_DATA_DIR", "~no-such-user/a", "must name a user of this machine"),
        ("JOBQUEUE_RENDER__EXECUTABLE_PATH", "~0/a", "must name a user of this machine"),
        ("JOBQUEUE_WORKER__QUEUES", "reports", "must be like reports=2,mail=50"),
        ("JOBQUEUE_WORKER__QUEUES", "a=1,a=2", "must name each queue once"),
    ],
)
def test_wrong_variable(variable: str, value: str, message: str) -> None:
    """A wrong variable stops the start, with one line that names it and what is allowed."""
    said = refusal(**{variable: value})
    assert said.startswith(f"{variable} in the environment")
    assert message in said


@given(
    st.sampled_from([*SHORT_NAMES, *REDIS_PARTS, *LONG_NAMES]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
)
def test_no_value_breaks_the_loader(variable: str, value: str) -> None:
    """Whatever a variable holds: it is taken, or refused in one line that names it."""
    said = None
    try:
        from_environ(**{variable: value})
    except SettingsError as error:
        said = str(error)
    assert said is None or (said.startswith(variable) and "\n" not in said)


def test_passwords_are_not_shown() -> None:
    """A refused URL is repeated without its password."""
    said = refusal(REDIS_URL="redis+cluster://user:hunt/er@2@h:1")
    assert "hunt" not in said
    assert "***@h:1" in said
    assert "hunt" not in refusal(REDIS_URL="redis+sentinel://h:0/jobs?sentinel_password=hunt")


def test_unknown_argument() -> None:
    """A misspelt argument is an error, never ignored."""
    with pytest.raises(SettingsError, match=r"argument http\.prot: no such setting; .*http\.port"):
        load_settings(flags={"http": {"prot": 1}}, environ={}, cwd=NOWHERE)
