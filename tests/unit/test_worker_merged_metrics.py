"""The metrics of several processes as one."""

import subprocess
import sys
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from jobqueue.worker.merged_metrics import MergedMetrics

CHILD = """
import sys
from prometheus_client import Counter, Gauge, Histogram
Counter("jobs", "Jobs.", ["queue"]).labels("a").inc(float(sys.argv[1]))
Gauge("slots", "Slots.", multiprocess_mode="livesum").set(4)
Gauge("up", "Up.", multiprocess_mode="max").set(1)
Histogram("run", "Run.", buckets=[1, 2]).observe(float(sys.argv[1]))
"""


def child(folder: Path, count: int) -> int:
    """Run a process that counts so many jobs; gives its pid."""
    command = ["env", f"PROMETHEUS_MULTIPROC_DIR={folder}", sys.executable, "-c", CHILD, str(count)]
    with subprocess.Popen(command) as process:
        assert process.wait() == 0
        return process.pid


def shown(merged: MergedMetrics) -> dict[str, float]:
    """What /metrics would show."""
    registry = CollectorRegistry()
    registry.register(merged)
    lines = generate_latest(registry).decode().splitlines()
    pairs = [line.rpartition(" ") for line in lines if not line.startswith("#")]
    return {name: float(value) for name, _, value in pairs}


def test_children_are_added_up(tmp_path: Path) -> None:
    """Counts and histograms of all children and the parent are added, gauges by their mode."""
    own = CollectorRegistry()
    Counter("jobs", "Jobs.", ["queue"], registry=own).labels("a").inc(10)
    Gauge("slots", "Slots.", registry=own).set(0)
    child(tmp_path, 1)
    child(tmp_path, 2)
    values = shown(MergedMetrics(tmp_path, own))
    assert values['jobs_total{queue="a"}'] == 13
    assert values["slots"] == 8
    assert values['run_bucket{le="1.0"}'] == 1
    assert values['run_bucket{le="+Inf"}'] == 2
    assert values["run_count"] == 2
    assert values["run_sum"] == 3


def test_counts_outlive_their_process(tmp_path: Path) -> None:
    """What a dead child counted stays, its gauges and files go."""
    merged = MergedMetrics(tmp_path, CollectorRegistry())
    for count in (1, 2, 4):
        merged.retire(child(tmp_path, count))
        assert list(tmp_path.iterdir()) == []
    child(tmp_path, 8)
    values = shown(merged)
    assert values['jobs_total{queue="a"}'] == 15
    assert values['run_bucket{le="2.0"}'] == 2
    assert values["run_count"] == 4
    assert values["slots"] == 4


def test_a_file_that_a_child_has_just_made_is_no_error(tmp_path: Path) -> None:
    """A scrape in the moment when a child begins to count works, and so does its end then."""
    merged = MergedMetrics(tmp_path, CollectorRegistry())
    pid = child(tmp_path, 3)
    (tmp_path / f"summary_{pid}.db").touch()
    assert shown(merged)['jobs_total{queue="a"}'] == 3
    merged.retire(pid)
    assert list(tmp_path.iterdir()) == []
    assert shown(merged)['jobs_total{queue="a"}'] == 3
