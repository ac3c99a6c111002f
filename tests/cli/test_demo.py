"""`jobqueue demo`."""

import json
import tempfile
from pathlib import Path

import pytest

from .conftest import Cli

SETTINGS_OF_A_SERVICE = {
    "REDIS_URL": "redis://127.0.0.1:9",
    "JOBQUEUE_STORAGE__URL": "s3://bucket",
    "JOBQUEUE_HTTP__TOKEN": "hunter2",
    "WORKER_COUNT": "3",
}


@pytest.mark.browser
def test_the_demo_leaves_an_invoice_and_nothing_else(cli: Cli, tmp_path: Path) -> None:
    """One command, whatever is set: a PDF, its data to play with, and nothing left running."""
    with tempfile.TemporaryDirectory(prefix="jq-") as temporary:  # short: it is in socket names
        answer = cli("demo", TMPDIR=temporary, **SETTINGS_OF_A_SERVICE)
        assert list(Path(temporary).iterdir()) == []
    assert answer.returncode == 0, answer.stderr
    pdf = tmp_path / "demo-output" / "invoice.pdf"
    assert pdf.read_bytes().startswith(b"%PDF-")
    assert json.loads(pdf.with_suffix(".json").read_text())["lines"]
    assert "demo-output/invoice.pdf: " in answer.stdout
    assert "jobqueue serve" in answer.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["demo-output"]


def test_the_demo_says_what_is_missing(cli: Cli) -> None:
    """Without Chromium the demo ends with 2, one line, and the command that installs it."""
    answer = cli("demo", JOBQUEUE_RENDER__EXECUTABLE_PATH="/nowhere/chromium")
    assert answer.returncode == 2
    last = answer.stderr.splitlines()[-1]
    assert "/nowhere/chromium" in last
    assert "install" in last
