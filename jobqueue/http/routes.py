"""The route table: every path that is answered, and which other route it is a name for.

aiohttp tries literal segments before patterns, and patterns in the order of this table:
state names come before job ids.
"""

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from jobqueue.access import Scope
from jobqueue.http import (
    aliases,
    auditing,
    bundles,
    dead,
    flows,
    health,
    job_events,
    jobs,
    keys,
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
        scope: what a caller must be allowed; None: the route is public.
        tenants: whether a caller may use it who is confined to a tenant. What such a one must not
            see or change is hidden from the handler, see `operations_of`; a route that shows more
            than jobs is not for them.
        alias_of: the path of the route that this one is another name for.
    """

    method: str
    path: str
    handler: Handler
    scope: Scope | None
    tenants: bool = False
    alias_of: str | None = None

    @property
    def public(self) -> bool:
        """Whether it is answered to whoever asks."""
        return self.scope is None


SUBMIT, READ, OPERATE, ADMIN = Scope
PUBLIC = None


def _canonical(
    method: str, path: str, handler: Handler, scope: Scope, *, tenants: bool = False
) -> Route:
    return Route(method, PREFIX + path, handler, scope, tenants)


def _alias(method: str, path: str, handler: Handler, of: str) -> Route:
    """Another name for a route, which wants of its callers what that one wants."""
    target = next(
        route for route in API_ROUTES if (route.method, route.path) == (method, PREFIX + of)
    )
    return Route(method, path, handler, target.scope, target.tenants, alias_of=target.path)


HEALTH_ROUTES = (
    Route("GET", "/healthz", health.healthz, PUBLIC),
    Route("GET", "/readyz", health.readyz, PUBLIC),
)
"""Answered by every role; so is `/metrics`, whose handler needs a registry."""

API_ROUTES = (
    _canonical("GET", "/jobs", jobs.list_jobs, READ, tenants=True),
    _canonical("POST", "/jobs", jobs.submit, SUBMIT, tenants=True),
    _canonical("POST", "/jobs/bulk", jobs.submit_bulk, SUBMIT, tenants=True),
    _canonical("GET", "/jobs/{id}", jobs.read, READ, tenants=True),
    _canonical("DELETE", "/jobs/{id}", jobs.cancel, OPERATE, tenants=True),
    _canonical("POST", "/jobs/{id}/retry", jobs.retry, OPERATE, tenants=True),
    _canonical("GET", "/jobs/{id}/status", jobs.status, READ, tenants=True),
    _canonical("GET", "/jobs/{id}/progress", jobs.progress, READ, tenants=True),
    _canonical("GET", "/jobs/{id}/result", jobs.result, READ, tenants=True),
    _canonical("GET", "/jobs/{id}/logs", logs.logs, READ, tenants=True),
    _canonical("GET", "/jobs/{id}/events", job_events.follow, READ, tenants=True),
    _canonical("POST", "/jobs/{id}/promote", waiting.promote, OPERATE, tenants=True),
    _canonical("POST", "/jobs/{id}/reschedule", waiting.reschedule, OPERATE, tenants=True),
    _canonical("POST", "/jobs/{id}/prioritize", waiting.prioritize, OPERATE, tenants=True),
    _canonical("POST", "/jobs/{id}/move", waiting.move, OPERATE, tenants=True),
    _canonical("POST", "/flows", flows.submit, SUBMIT, tenants=True),
    _canonical("GET", "/dead", dead.list_dead, READ, tenants=True),
    _canonical("POST", "/dead/replay", dead.replay, OPERATE, tenants=True),
    _canonical("DELETE", "/dead", dead.purge, OPERATE, tenants=True),
    _canonical("GET", "/schedules", schedules.list_all, READ),
    _canonical("GET", "/schedules/{name}", schedules.read, READ),
    _canonical("PUT", "/schedules/{name}", schedules.put, OPERATE),
    _canonical("DELETE", "/schedules/{name}", schedules.delete, OPERATE),
    _canonical("POST", "/schedules/{name}/pause", schedules.pause, OPERATE),
    _canonical("POST", "/schedules/{name}/resume", schedules.resume, OPERATE),
    _canonical("POST", "/reports/generate", reports.generate, SUBMIT, tenants=True),
    _canonical("POST", "/reports/bundles", bundles.upload, SUBMIT, tenants=True),
    _canonical("GET", "/reports/{id}", reports.download, READ, tenants=True),
    _canonical("GET", "/templates", templates.list_all, READ, tenants=True),
    _canonical("GET", "/templates/{name}", templates.read, READ, tenants=True),
    _canonical("PUT", "/templates/{name}", templates.put, OPERATE),
    _canonical("DELETE", "/templates/{name}", templates.delete, OPERATE),
    _canonical("POST", "/templates/{name}/preview", templates.preview, SUBMIT, tenants=True),
    _canonical("GET", "/stats", operating.stats, READ),
    _canonical("GET", "/queues", operating.queues, READ),
    _canonical("POST", "/queues/{name}/pause", queues.pause, OPERATE),
    _canonical("POST", "/queues/{name}/resume", queues.resume, OPERATE),
    _canonical("POST", "/queues/{name}/drain", queues.drain, OPERATE),
    _canonical("GET", "/queues/{name}/limits", queues.read_limits, READ),
    _canonical("PUT", "/queues/{name}/limits", queues.put_limits, OPERATE),
    _canonical("GET", "/queues/{name}/partitions", queues.read_partitions, READ),
    _canonical("PUT", "/queues/{name}/partitions", queues.put_partitions, OPERATE),
    _canonical("DELETE", f"/queues/{{name}}/{STATE}", queues.clear, OPERATE),
    _canonical("GET", "/audit", auditing.list_all, ADMIN),
    _canonical("GET", "/keys", keys.list_all, ADMIN),
    _canonical("POST", "/keys", keys.create, ADMIN),
    _canonical("DELETE", "/keys/{id}", keys.revoke, ADMIN),
    _canonical("GET", "/workers", operating.workers, READ),
    _canonical("POST", "/workers/{id}/quiet", operating.quiet, OPERATE),
    _canonical("POST", "/workers/{id}/resume", operating.resume, OPERATE),
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
    Route("GET", "/jobs/health", health.readyz, PUBLIC, alias_of="/readyz"),
    _alias("GET", f"/jobs/{STATE}", aliases.list_in_state, of="/jobs"),
    _alias("DELETE", f"/jobs/{STATE}", aliases.clear, of=f"/queues/{{name}}/{STATE}"),
    _alias("GET", "/jobs/{id}", jobs.read, of="/jobs/{id}"),
    _alias("DELETE", "/jobs/{id}", jobs.cancel, of="/jobs/{id}"),
    _alias("GET", "/jobs/{id}/status", jobs.status, of="/jobs/{id}/status"),
    _alias("GET", "/jobs/{id}/progress", jobs.progress, of="/jobs/{id}/progress"),
    _alias("GET", f"/jobs/{TYPE}/jobs", aliases.list_of_type, of="/jobs"),
    _alias("POST", f"/{TYPE}/enqueue", aliases.submit_payload, of="/jobs"),
)
