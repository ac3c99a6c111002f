"""Whether a caller may use a route."""

from typing import TYPE_CHECKING

from aiohttp import web

from jobqueue.access_errors import MissingScope, NotForTenants
from jobqueue.http.state import CALL

if TYPE_CHECKING:
    from jobqueue.http.routes import Route


def check_access(request: web.Request, route: "Route") -> None:
    """Raise unless who sends the request may use the route.

    Raises:
        MissingScope: the route wants a scope that the caller lacks.
        NotForTenants: it is about more than the one tenant that the caller is confined to.
    """
    scope = route.scope
    if scope is None:
        return
    principal = request[CALL].principal
    if not principal.may(scope):
        raise MissingScope(f"{request.method} {request.path} needs the scope `{scope}`", scope)
    if principal.tenant is not None and not route.tenants:
        raise NotForTenants(
            f"{request.method} {request.path} is about all tenants, and who calls is confined to "
            f"{principal.tenant!r}"
        )
