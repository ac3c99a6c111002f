"""What handlers find in the application, and in each request."""

from aiohttp import web

from jobqueue.access import Principal
from jobqueue.app import Operations
from jobqueue.app.tenancy import TenantOperations
from jobqueue.health import Health

OPERATIONS = web.AppKey("operations", Operations)
HEALTH = web.AppKey("health", Health)
REQUEST_ID = web.RequestKey("request_id", str)
PRINCIPAL = web.RequestKey("principal", Principal)
"""Who sends the request; not there on public routes."""


def operations_of(request: web.Request) -> Operations:
    """The use cases that this server offers to who sends the request."""
    operations, tenant = request.app[OPERATIONS], request[PRINCIPAL].tenant
    return operations if tenant is None else TenantOperations(operations, tenant)
