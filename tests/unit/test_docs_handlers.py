"""The guide to handlers: what it shows works, what it says is so."""

import re
from pathlib import Path
from typing import Any

import pytest

import jobqueue
from jobqueue import JobQueue
from jobqueue.batch import MAX_BATCH_WAIT, MAX_SIZE
from jobqueue.job_log import MAX_LOG_LINE, MAX_LOG_LINES
from jobqueue.outcomes import JobOutcome

GUIDE = (Path(__file__).parents[2] / "docs" / "handlers.md").read_text()
WORDS = " ".join(GUIDE.split())
EXAMPLES = re.findall(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_define_what_they_say(example: str) -> None:
    """Every example of the guide can be copied into a file, and defines its job type."""
    lines = [line for line in example.splitlines() if line != "import httpx"]
    names: dict[str, Any] = {"__name__": __name__}
    exec(compile("\n".join(lines), "handlers.md", "exec", dont_inherit=True), names)  # noqa: S102 - our own
    app = names["app"]
    assert isinstance(app, JobQueue)
    assert [job_type.name for job_type in app.registry] == re.findall(
        r'@app\.job\("(.*?)"', example
    )


def test_every_outcome_is_in_the_guide() -> None:
    """What a handler may raise to choose its job's end is in the table, and can be imported."""
    for outcome in JobOutcome.__subclasses__():
        assert f"| raises `{outcome.__name__}(" in GUIDE
        assert outcome.__name__ in jobqueue.__all__


def test_the_guide_has_the_numbers() -> None:
    """The bounds in the guide are those of the code."""
    assert f"1 to {MAX_SIZE}" in WORDS
    assert f"0 to {MAX_BATCH_WAIT:g}" in WORDS
    assert f"{MAX_LOG_LINE:,} characters" in WORDS
    assert f"newest {MAX_LOG_LINES} lines" in WORDS
