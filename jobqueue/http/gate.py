"""What a request passes before its handler: who sends it, how often, what it may do, how much."""

from typing import TYPE_CHECKING

from aiohttp import web

from jobqueue.http.auditing import is_audited
from jobqueue.http.auth import Authenticator
from jobqueue.http.call import Call
from jobqueue.http.permission import check_access
from jobqueue.http.rate_limit import RateLimiter, too_many
from jobqueue.http.state import CALL

if TYPE_CHECKING:
    from jobqueue.http.routes import Route


class Gate:
    """Lets requests through to the routes that it knows."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator
        self._limiter = RateLimiter()
        self._routes: dict[web.AbstractRoute, Route] = {}
        self._public: set[str] = set()

    def learn(self, added: web.AbstractRoute, route: "Route") -> None:
        """Know a route, which aiohttp has as `added`, and what it wants of its callers."""
        self._routes[added] = route
        if route.public and added.resource is not None:
            self._public.add(added.resource.canonical)

    async def admit(self, request: web.Request) -> web.Request:
        """The request as its handler is to have it.

        Raises:
            HTTPException: there is no such path, or not for this method.
            Unauthorized: nobody knows who sends it.
            TooManyRequests: who sends it has sent too many.
            Forbidden: who sends it may not.
            Unavailable: it cannot be told who sends it.
        """
        problem = request.match_info.http_exception
        if isinstance(problem, web.HTTPNotFound):
            raise problem
        resource = request.match_info.route.resource
        if resource is not None and resource.canonical in self._public:
            if problem is not None:
                raise problem
            return request
        call = request[CALL]
        principal = call.principal = await self._authenticator.principal_of(request)
        if principal.rate is not None:
            self._count(call, principal.rate)
        if problem is not None:  # which methods a path has is told to those only who may call
            raise problem
        route = self._routes[request.match_info.route]
        call.audited = is_audited(route.method, route.scope)
        check_access(request, route)
        call.admitted = True
        largest = principal.max_body
        if largest is None or largest >= request.client_max_size:
            return request
        return request.clone(client_max_size=largest)

    def _count(self, call: Call, rate: str) -> None:
        call.quota = quota = self._limiter.count(call.principal, rate)
        if quota.next_in:
            raise too_many(quota)
