"""The route table: every path that is answered, and which other route it is a name for.

aiohttp tries literal segments before patterns, and patterns in the order of this table:
state names come before job ids.
"""

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from jobqueue.http import (
    aliases,
    dead,
    flows,
    health,
    job_events,
    jobs,
    logs,
    operating,
    queues,
    reports,
    schedules,
    templates,
    waiting,
)
from jobqueue.http.documents import PREFIX
from jobqueue.state import STATE_ALIASES, State

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

STATE = f"{{state:{'|'.join((*State, *STATE_ALIASES))}}}"
TYPE = "{type:[a-z0-9][a-z0-9-]{0,62}}"


class Route(msgspec.Struct, frozen=True):
    """One row of the table.

    Attributes:
        alias_of: the path of the route that this one is another name for.
        public: answered without a token.
    """

    method: str
    path: str
    handler: Handler
    alias_of: str | None = None
    public: bool = False


def _canonical(method: str, path: str, handler: Handler) -> Route:
    return Route(method, PREFIX + path, handler)


def _alias(method: str, path: str, handler: Handler, of: str) -> Route:
    return Route(method, path, handler, alias_of=PREFIX + of)


HEALTH_ROUTES = (
    Route("GET", "/healthz", health.healthz, public=True),
    Route("GET", "/readyz", health.readyz, public=True),
)
"""Answered by every role; so is `/metrics`, whose handler needs a registry."""

API_ROUTES = (
    _canonical("GET", "/jobs", jobs.list_jobs),
    _canonical("POST", "/jobs", jobs.submit),
    _canonical("POST", "/jobs/bulk", jobs.submit_bulk),
    _canonical("GET", "/jobs/{id}", jobs.read),
    _canonical("DELETE", "/jobs/{id}", jobs.cancel),
    _canonical("POST", "/jobs/{id}/retry", jobs.retry),
    _canonical("GET", "/jobs/{id}/status", jobs.status),
    _canonical("GET", "/jobs/{id}/progress", jobs.progress),
    _canonical("GET", "/jobs/{id}/result", jobs.result),
    _canonical("GET", "/jobs/{id}/logs", logs.logs),
    _canonical("GET", "/jobs/{id}/events", job_events.follow),
    _canonical("POST", "/jobs/{id}/promote", waiting.promote),
    _canonical("POST", "/jobs/{id}/reschedule", waiting.reschedule),
    _canonical("POST", "/jobs/{id}/prioritize", waiting.prioritize),
    _canonical("POST", "/jobs/{id}/move", waiting.move),
    _canonical("POST", "/flows", flows.submit),
    _canonical("GET", "/dead", dead.list_dead),
    _canonical("POST", "/dead/replay", dead.replay),
    _canonical("DELETE", "/dead", dead.purge),
    _canonical("GET", "/schedules", schedules.list_all),
    _canonical("GET", "/schedules/{name}", schedules.read),
    _canonical("PUT", "/schedules/{name}", schedules.put),
    _canonical("DELETE", "/schedules/{name}", schedules.delete),
    _canonical("POST", "/schedules/{name}/pause", schedules.pause),
    _canonical("POST", "/schedules/{name}/resume", schedules.resume),
    _canonical("POST", "/reports/generate", reports.generate),
    _canonical("GET", "/reports/{id}", reports.download),
    _canonical("GET", "/templates", templates.list_all),
    _canonical("GET", "/templates/{name}", templates.read),
    _canonical("PUT", "/templates/{name}", templates.put),
    _canonical("DELETE", "/templates/{name}", templates.delete),
    _canonical("POST", "/templates/{name}/preview", templates.preview),
    _canonical("GET", "/stats", operating.stats),
    _canonical("GET", "/queues", operating.queues),
    _canonical("POST", "/queues/{name}/pause", queues.pause),
    _canonical("POST", "/queues/{name}/resume", queues.resume),
    _canonical("POST", "/queues/{name}/drain", queues.drain),
    _canonical("GET", "/queues/{name}/limits", queues.read_limits),
    _canonical("PUT", "/queues/{name}/limits", queues.put_limits),
    _canonical("GET", "/queues/{name}/partitions", queues.read_partitions),
    _canonical("PUT", "/queues/{name}/partitions", queues.put_partitions),
    _canonical("DELETE", f"/queues/{{name}}/{STATE}", queues.clear),
    _canonical("GET", "/workers", operating.workers),
    _canonical("POST", "/workers/{id}/quiet", operating.quiet),
    _canonical("POST", "/workers/{id}/resume", operating.resume),
)

ALIAS_ROUTES = (
    _alias("GET", "/api/jobs/completed", aliases.list_completed, of="/jobs"),
    _alias("GET", "/api/stats", operating.stats_in_both_vocabularies, of="/stats"),
    _alias("GET", "/api/workers", operating.workers, of="/workers"),
    _alias("GET", "/jobs", jobs.list_jobs, of="/jobs"),
    _alias("POST", "/jobs", aliases.submit, of="/jobs"),
    _alias("POST", "/jobs/enqueue", aliases.submit, of="/jobs"),
    _alias("GET", "/jobs/stats", operating.stats_in_both_vocabularies, of="/stats"),
    _alias("GET", "/jobs/workers", operating.workers, of="/workers"),
    Route("GET", "/jobs/health", health.readyz, alias_of="/readyz", public=True),
    _alias("GET", f"/jobs/{STATE}", aliases.list_in_state, of="/jobs"),
    _alias("DELETE", f"/jobs/{STATE}", aliases.clear, of=f"/queues/{{name}}/{STATE}"),
    _alias("GET", "/jobs/{id}", jobs.read, of="/jobs/{id}"),
    _alias("DELETE", "/jobs/{id}", jobs.cancel, of="/jobs/{id}"),
    _alias("GET", "/jobs/{id}/status", jobs.status, of="/jobs/{id}/status"),
    _alias("GET", "/jobs/{id}/progress", jobs.progress, of="/jobs/{id}/progress"),
    _alias("GET", f"/jobs/{TYPE}/jobs", aliases.list_of_type, of="/jobs"),
    _alias("POST", f"/{TYPE}/enqueue", aliases.submit_payload, of="/jobs"),
)
