"""The Prometheus instruments of all roles; the only global state besides the job types.

Gauges name a `multiprocess_mode`, because a worker with several processes merges
its children's values through prometheus-client's shared files.
"""

from prometheus_client import Counter, Gauge, Histogram

OTHER = "other"
MAX_QUEUE_LABELS = 200
"""Queues that get a label of their own; later ones share `other`, so that a client
which invents queue names cannot grow the metrics without bound."""

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_SCRIPT = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5)
_WAIT = (0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400, 86400)

JOBS_ENQUEUED = Counter("jobqueue_jobs_enqueued", "Jobs accepted.", ["queue", "type"])
JOBS_FINISHED = Counter(
    "jobqueue_jobs_finished", "Jobs that reached a final state.", ["queue", "type", "outcome"]
)
JOB_WAIT = Histogram(
    "jobqueue_job_wait_seconds", "From due to started.", ["queue", "type"], buckets=_WAIT
)
JOB_RUN = Histogram(
    "jobqueue_job_run_seconds", "Run time of one attempt.", ["queue", "type"], buckets=_FAST
)
WORKER_SLOTS = Gauge(
    "jobqueue_worker_slots",
    "Slots of this worker's pools by state (busy, free).",
    ["pool", "state"],
    multiprocess_mode="livesum",
)
LEASES_RECOVERED = Counter(
    "jobqueue_leases_recovered", "Jobs taken back from a worker that stopped renewing.", ["queue"]
)
STALE_SETTLES = Counter(
    "jobqueue_stale_settles", "Verdicts refused because the delivery had been taken back."
)
LOOP_LAG = Histogram(
    "jobqueue_loop_lag_seconds", "How late the event loop runs its timers.", buckets=_FAST
)
RENDER = Histogram(
    "jobqueue_render_seconds", "Time of a rendering stage.", ["lane", "stage"], buckets=_FAST
)
BROWSER_RESTARTS = Counter("jobqueue_browser_restarts", "Browsers replaced, by reason.", ["reason"])
BROWSER_SANDBOX = Gauge(
    "jobqueue_browser_sandbox",
    "1 where Chromium runs in its own sandbox, 0 where it does not.",
    ["lane"],  # with a label there is no sample where no browser runs
    multiprocess_mode="livemin",
)
UPLOAD = Histogram("jobqueue_upload_seconds", "Time to store one document.", buckets=_FAST)
UPLOAD_BYTES = Counter("jobqueue_upload_bytes", "Bytes of stored documents.")
HTTP_REQUEST = Histogram(
    "jobqueue_http_request_seconds",
    "Time to answer an HTTP request.",
    ["route", "method", "status"],
    buckets=_FAST,
)
REDIS_SCRIPT = Histogram(
    "jobqueue_redis_script_seconds",
    "Round trip of a Redis script call.",
    ["script"],
    buckets=_SCRIPT,
)
LAST_CLAIM_AGE = Gauge(
    "jobqueue_last_claim_age_seconds",
    "Time since this worker's fetcher last asked for jobs.",
    ["pool"],
    multiprocess_mode="livemax",
)
BUILD_INFO = Gauge(
    "jobqueue_build_info", "Version of the program; always 1.", ["version"], multiprocess_mode="max"
)

_queues: set[str] = set()


def queue_label(queue: str) -> str:
    """The label value for a queue: its name, or `other` beyond the first 200."""
    if queue in _queues:
        return queue
    if len(_queues) < MAX_QUEUE_LABELS:
        _queues.add(queue)
        return queue
    return OTHER
