"""Logging: what comes out on stderr."""

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from jobqueue.logs import configure_logging
from jobqueue.settings import LogSettings

URL = "redis://:hunter2@cache:6379/0"


@pytest.fixture(autouse=True)
def default_logging() -> Iterator[None]:
    """Leave the process as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def entries(capture: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The JSON lines written since the last look."""
    return [json.loads(line) for line in capture.readouterr().err.splitlines()]


def fail(reason: str) -> None:
    """What a handler may do."""
    raise ConnectionError(reason)


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Each event is one line of JSON with its time, level, logger and fields."""
    configure_logging(LogSettings(format="json"))
    structlog.get_logger("jobqueue.test").info("job finished", job_id="a-1", run_ms=12)
    (entry,) = entries(capsys)
    assert entry.pop("timestamp").endswith("Z")
    assert entry == {
        "level": "info",
        "event": "job finished",
        "logger": "jobqueue.test",
        "job_id": "a-1",
        "run_ms": 12,
    }


def test_level(capsys: pytest.CaptureFixture[str]) -> None:
    """What is below the level is not written, ours or a library's."""
    configure_logging(LogSettings(format="json", level="warning"))
    structlog.get_logger("jobqueue.test").info("quiet")
    logging.getLogger("some.library").info("quiet")
    structlog.get_logger("jobqueue.test").warning("loud")
    logging.getLogger("some.library").warning("loud %s", "too")
    assert [entry["event"] for entry in entries(capsys)] == ["loud", "loud too"]


def test_libraries_come_through(capsys: pytest.CaptureFixture[str]) -> None:
    """Records of asyncio and others take the same form, with their traceback, once."""
    for _ in range(2):
        configure_logging(LogSettings(format="json"))
    try:
        fail("gone")
    except ConnectionError:
        logging.getLogger("asyncio").exception("task failed")
    (entry,) = entries(capsys)
    assert (entry["logger"], entry["level"], entry["event"]) == ("asyncio", "error", "task failed")
    assert entry["exception"].endswith("ConnectionError: gone")


@pytest.mark.parametrize("name", ["botocore.auth", "aiobotocore.httpsession"])
def test_signed_requests_are_never_logged(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The AWS libraries, which print credentials when they debug, stay at warning."""
    configure_logging(LogSettings(format="json", level="debug"))
    logging.getLogger(name).debug("StringToSign: ...")
    assert entries(capsys) == []


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize(
    "fields",
    [
        {"url": URL},
        {"nested": {"urls": [URL]}},
        {"token": "hunter2"},
        {"headers": {"Authorization": "Bearer hunter2"}},
        {"link": "https://bucket/key?X-Amz-Expires=60&X-Amz-Signature=hunter2"},
    ],
)
def test_secrets_are_masked(
    form: Any, fields: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Passwords in URLs, tokens and signatures never reach the log, however deep they are."""
    configure_logging(LogSettings(format=form))
    structlog.get_logger("jobqueue.test").info("connecting", **fields)
    said = capsys.readouterr().err
    assert "connecting" in said
    assert "***" in said
    assert "hunter2" not in said


def test_secrets_in_tracebacks_are_masked(capsys: pytest.CaptureFixture[str]) -> None:
    """An exception's text is masked like any other; local variables are not printed at all."""
    configure_logging(LogSettings(format="console"))
    try:
        fail(f"cannot reach {URL}")
    except ConnectionError:
        structlog.get_logger("jobqueue.test").exception("failed")
    said = capsys.readouterr().err
    assert "cannot reach redis://***@cache" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("value", ["\ud800", {(1, 2): 3}, 2**70, {1, 2}, object(), b"\xff"])
@pytest.mark.parametrize("form", ["json", "console"])
def test_anything_can_be_logged(form: Any, value: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A value that JSON cannot hold becomes text; logging never fails the work."""
    configure_logging(LogSettings(format=form))
    structlog.get_logger("jobqueue.test").info("odd", value=value)
    assert "odd" in capsys.readouterr().err


def test_console_is_readable(capsys: pytest.CaptureFixture[str]) -> None:
    """The console form is plain text, without colour codes where there is no terminal."""
    configure_logging(LogSettings(format="console"))
    structlog.get_logger("jobqueue.test").warning("queue paused", queue="mail")
    said = capsys.readouterr().err
    assert "[warning  ] queue paused" in said
    assert "queue=mail" in said
    assert "\x1b" not in said


def test_closed_stderr_fails_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When nobody reads stderr any more, the work goes on."""
    configure_logging(LogSettings(format="json"))
    with io.TextIOWrapper(Path("/dev/full").open("wb", buffering=0)) as full:
        monkeypatch.setattr("sys.stderr", full)
        structlog.get_logger("jobqueue.test").info("into the void")
        monkeypatch.undo()
    structlog.get_logger("jobqueue.test").info("back again")
    assert [entry["event"] for entry in entries(capsys)] == ["back again"]
