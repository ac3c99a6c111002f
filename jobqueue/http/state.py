"""What handlers find in the application, and in each request."""

from aiohttp import web

from jobqueue.access import Principal
from jobqueue.app import Operations
from jobqueue.app.tenancy import TenantOperations
from jobqueue.health import Health
from jobqueue.http.rate_limit import Quota

OPERATIONS = web.AppKey("operations", Operations)
HEALTH = web.AppKey("health", Health)
REQUEST_ID = web.RequestKey("request_id", str)
PRINCIPAL = web.RequestKey("principal", Principal)
"""Who sends the request; not there on public routes."""
QUOTA = web.RequestKey("quota", Quota)
"""What is left of the rate of who sends the request, where that has one."""
PROBLEM = web.RequestKey("problem", str)
"""The code of the error that the request ended with."""
AUDITED = web.RequestKey("audited", bool)
"""There where the request is one to be put down; whether it got past all that refuses callers."""


def operations_of(request: web.Request) -> Operations:
    """The use cases that this server offers to who sends the request."""
    operations, tenant = request.app[OPERATIONS], request[PRINCIPAL].tenant
    return operations if tenant is None else TenantOperations(operations, tenant)
