"""What handlers find in the application, and in each request."""

from aiohttp import web

from jobqueue.app import Operations
from jobqueue.health import Health

OPERATIONS = web.AppKey("operations", Operations)
HEALTH = web.AppKey("health", Health)
REQUEST_ID = web.RequestKey("request_id", str)


def operations_of(request: web.Request) -> Operations:
    """The use cases that this server offers."""
    return request.app[OPERATIONS]
