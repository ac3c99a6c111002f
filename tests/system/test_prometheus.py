"""What a real Prometheus sees of all roles while they work."""

import os
import signal
from collections.abc import Iterator

import pytest
from prometheus_client import Counter, Histogram
from prometheus_client.metrics import MetricWrapperBase

from jobqueue import metrics
from tests.render.helpers import command_line, descendants, invoices
from tests.support.prometheus import (
    CONFIG,
    Prometheus,
    needs_prometheus,
    prometheus_server,
    promtool,
)

from .programs import Launcher, Program, eventually

pytestmark = [
    pytest.mark.system,
    pytest.mark.browser,
    pytest.mark.timeout(180),  # the first test here waits for all that the scene plays
    needs_prometheus,
]

ROLES = {"api": "localhost:8080", "worker": "localhost:9101", "reaper": "localhost:9102"}
"""Where the shipped configuration looks for each role."""

SEEN_WITHIN = 20.0
"""Seconds: a scrape a second, gauges of the queues every five, and a busy machine."""

GROWING = {
    "jobqueue_browser_restarts_total",
    "jobqueue_http_request_seconds_count",
    "jobqueue_job_run_seconds_count",
    "jobqueue_job_wait_seconds_count",
    "jobqueue_jobs_enqueued_total",
    "jobqueue_jobs_finished_total",
    "jobqueue_leases_recovered_total",
    "jobqueue_loop_lag_seconds_count",
    "jobqueue_redis_script_seconds_count",
    "jobqueue_render_seconds_count",
    "jobqueue_upload_bytes_total",
    "jobqueue_upload_seconds_count",
}
"""What the scene's jobs make more than zero."""

SHOWN = {
    "jobqueue_browser_sandbox",
    "jobqueue_build_info",
    "jobqueue_last_claim_age_seconds",
    "jobqueue_queue_jobs",
    "jobqueue_queue_oldest_job_seconds",
    "jobqueue_stale_settles_total",
    "jobqueue_worker_slots",
}
"""What is there, whatever its value."""

ENDS = {"completed": 24, "dead": 3, "cancelled": 2}
"""How often the scene's jobs end, by outcome; one of them is dead twice."""


class Scene:
    """Every role as a process of its own, and a Prometheus that watches them."""

    def __init__(
        self, launcher: Launcher, programs: dict[str, Program], prometheus: Prometheus
    ) -> None:
        self.programs = programs
        self.prometheus = prometheus
        self.api = programs["api"]
        self._worker = programs["worker"]
        self._trace = str(launcher.trace)
        self._release = launcher.folder / "release"

    def play(self, held: str) -> None:
        """Jobs of every kind, until all of them have ended; `held` waits to be released."""
        self._retries()
        self._cancels()
        self._release.touch()
        self._expect(held, "completed")
        self._reports()

    def _retries(self) -> None:
        jobs = [{"type": "record", "payload": {"trace": self._trace}}] * 20
        assert self.api.post("/api/v1/jobs/bulk", jobs)[0] == 202
        self._expect(self.api.submit("flaky", failures=2), "completed")
        hopeless = self.api.submit("flaky", failures=3)
        self._expect(hopeless, "dead")
        assert self.api.post(f"/api/v1/jobs/{hopeless}/retry", {})[0] == 202
        self._expect(hopeless, "dead")

    def _cancels(self) -> None:
        later = {"type": "record", "payload": {}, "delay": 3600}
        scheduled = self.api.post("/api/v1/jobs", later)[1]["id"]
        assert self.api.delete(f"/api/v1/jobs/{scheduled}")[0] == 200
        running = self.api.submit("hold", trace=self._trace, release="/nowhere")
        eventually(lambda: self.api.job(running)["state"] == "active", within=10, what="a start")
        assert self.api.delete(f"/api/v1/jobs/{running}")[0] in {200, 202}
        self._expect(running, "cancelled")

    def _reports(self) -> None:
        invoice = {"template": "invoice", "data": invoices()[0]}
        wrong = {"html": "one page", "options": {"page_ranges": "7-8"}}
        self._expect(self.api.submit("report-generation", **invoice), "completed")
        os.kill(self._chromium(), signal.SIGKILL)
        restarts = "jobqueue_browser_restarts_total"
        eventually(lambda: self._worker.metric(restarts) == 1, within=30, what="a new browser")
        self._expect(self.api.submit("report-generation", html="one page"), "completed")
        self._expect(self.api.submit("report-generation", **wrong), "dead")

    def _expect(self, job_id: str, state: str) -> None:
        job = self.api.ended(job_id, within=30)
        assert job["state"] == state, job

    def _chromium(self) -> int:
        below = {pid: command_line(pid) for pid in descendants(self._worker.pid)}
        (main,) = [
            pid
            for pid, command in below.items()
            if "--headless" in command and "--type=" not in command
        ]
        return main


def _lose_a_worker(launcher: Launcher, api: Program, reaper: Program) -> str:
    """Submit a job and kill the worker that runs it; gives its id."""
    with launcher.serve("worker", "--queues", "default=1") as victim:
        for program in (api, reaper, victim):
            program.wait_ready()
        release = str(launcher.folder / "release")
        held = api.submit("hold", trace=str(launcher.trace), release=release)
        launcher.first("began")
        victim.signal(signal.SIGKILL)
        victim.exit_code(within=5)
    return held


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[Scene]:
    """All roles, still running after their work, and a Prometheus that has watched it."""
    launcher = Launcher(tmp_path_factory.mktemp("scene"), redis_url, "test-prometheus")
    with launcher.serve("api") as api, launcher.serve("reaper") as reaper:
        held = _lose_a_worker(launcher, api, reaper)
        with launcher.serve("worker", "--queues", "default=4,reports=1") as worker:
            worker.wait_ready()
            programs = {"api": api, "worker": worker, "reaper": reaper}
            places = {
                shipped: programs[role].url.removeprefix("http://")
                for role, shipped in ROLES.items()
            }
            with prometheus_server(launcher.folder, places) as prometheus:
                scene = Scene(launcher, programs, prometheus)
                scene.play(held)
                yield scene


def becomes(scene: Scene, expression: str, expected: dict[str, int]) -> None:
    """Wait until an expression has these values by its one label, and no others."""

    def seen() -> dict[str, float]:
        return {
            "".join(labels): value for labels, value in scene.prometheus.query(expression).items()
        }

    try:
        eventually(lambda: seen() == expected, within=SEEN_WITHIN, what=expression)
    except AssertionError:
        assert seen() == expected, expression


def test_every_role_is_scraped(scene: Scene) -> None:
    """The shipped configuration finds each role by its label."""
    becomes(scene, "sum by (role) (up)", dict.fromkeys(ROLES, 1))


def test_every_metric_has_samples(scene: Scene) -> None:
    """What we say we measure arrives in Prometheus, and it grows with the work."""
    ours = '{__name__=~"jobqueue_.+"}'

    def names(expression: str) -> set[str]:
        return {name for (name,) in scene.prometheus.query(expression)}

    growing = f"sum by (__name__) ({ours}) > 0"
    eventually(lambda: names(growing) >= GROWING, within=SEEN_WITHIN, what="growing metrics")
    shown = f"count by (__name__) ({ours})"
    eventually(lambda: names(shown) >= GROWING | SHOWN, within=SEEN_WITHIN, what="all metrics")


def test_this_test_knows_every_metric() -> None:
    """A new metric is not forgotten here."""
    suffixes = {Counter: "_total", Histogram: "_count"}
    instruments = {
        metric.name + suffixes.get(type(each), "")
        for each in vars(metrics).values()
        if isinstance(each, MetricWrapperBase)
        for metric in each.describe()
    }
    of_the_reaper = {"jobqueue_queue_jobs", "jobqueue_queue_oldest_job_seconds"}
    assert instruments | of_the_reaper == GROWING | SHOWN


def test_what_was_enqueued_has_finished(scene: Scene) -> None:
    """Over all processes each accepted job ends once, whatever happened to its workers."""
    becomes(scene, "sum by (outcome) (jobqueue_jobs_finished_total)", ENDS)
    enqueued, finished = "jobqueue_jobs_enqueued_total", "jobqueue_jobs_finished_total"
    becomes(scene, f"sum({enqueued}) == sum({finished})", {"": sum(ENDS.values())})
    becomes(scene, f"sum by (type) ({enqueued}) != sum by (type) ({finished})", {})


def test_the_reaper_shows_the_queues(scene: Scene) -> None:
    """Facts of the whole cluster come from the reaper alone, and are true."""
    states = {"completed": 24, "dead": 2, "cancelled": 2}
    becomes(scene, "sum by (state) (jobqueue_queue_jobs) > 0", states)
    shown_by = 'count by (role) ({__name__=~"jobqueue_queue_.+"})'
    assert scene.prometheus.query(shown_by).keys() == {("reaper",)}


@pytest.mark.parametrize("role", ROLES)
def test_promtool_has_nothing_to_say(scene: Scene, role: str) -> None:
    """Each role's /metrics keeps to Prometheus' rules for names, units and texts."""
    status, text = scene.programs[role].get("/metrics")
    assert status == 200
    assert "jobqueue_build_info{" in text
    assert promtool("check", "metrics", stdin=text) == (0, "")


def test_promtool_has_nothing_to_say_about_merged_metrics(launcher: Launcher) -> None:
    """The metrics of several worker processes, merged by their parent, keep to them too."""
    with launcher.serve("worker", "--queues", "default=1", WORKER_COUNT="2") as worker:
        worker.wait_ready()
        eventually(lambda: worker.metric("jobqueue_worker_slots") == 2, within=10, what="two slots")
        status, text = worker.get("/metrics")
    assert status == 200
    assert promtool("check", "metrics", stdin=text) == (0, "")


def test_the_shipped_configuration_is_valid() -> None:
    """`config/prometheus.yml` works as it is."""
    code, said = promtool("check", "config", str(CONFIG))
    assert code == 0, said
    assert "SUCCESS" in said
