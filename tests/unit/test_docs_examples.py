"""The examples of the documentation."""

import os
import re
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_example_of_schedules_runs(redis_url: str, namespace: str, tmp_path: Path) -> None:
    """The program in docs/schedules.md works as it stands."""
    (program,) = re.findall(r"```python\n(.*?)```", (DOCS / "schedules.md").read_text(), re.DOTALL)
    settings = {"JOBQUEUE_REDIS__URL": redis_url, "JOBQUEUE_REDIS__NAMESPACE": namespace}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(DOCS.parent), **settings},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stderr == ""
    assert re.fullmatch(r"active \d{13}\n", done.stdout)
