"""What handlers find in the application, and in each request."""

from aiohttp import web

from jobqueue.app import Operations
from jobqueue.app.tenancy import TenantOperations
from jobqueue.health import Health
from jobqueue.http.call import Call

OPERATIONS = web.AppKey("operations", Operations)
HEALTH = web.AppKey("health", Health)
REQUEST_ID = web.RequestKey("request_id", str)
CALL = web.RequestKey("call", Call)


def operations_of(request: web.Request) -> Operations:
    """The use cases that this server offers to who sends the request."""
    call = request[CALL]
    if call.operations is None:
        shared, tenant = request.app[OPERATIONS], call.principal.tenant
        call.operations = shared if tenant is None else TenantOperations(shared, tenant)
    return call.operations
