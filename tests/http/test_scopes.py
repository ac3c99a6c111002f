"""What a caller may do: every route wants one scope, and nothing else opens it."""

from collections.abc import AsyncIterator

import pytest

from jobqueue.access import Scope
from jobqueue.http.routes import ALIAS_ROUTES, API_ROUTES, HEALTH_ROUTES, STATE, TYPE, Route

from .callers import Caller, caller
from .service import Service, running_service

TOKEN = "the-token-of-the-settings"  # noqa: S105 - opens only the test's own server
GUARDED = [route for route in API_ROUTES + ALIAS_ROUTES if not route.public]
PUBLIC = {"/healthz", "/readyz", "/jobs/health"}


@pytest.fixture(scope="module")
async def guarded(
    redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Service]:
    """An API that all tests of this file share: no test changes anything."""
    folder = tmp_path_factory.mktemp("scopes")
    async with running_service(redis_url, "test-scopes", folder, token=TOKEN) as service:
        yield service


@pytest.fixture(scope="module")
async def callers(guarded: Service) -> dict[Scope, Caller]:
    """A caller for each scope, which has no other."""
    return {scope: await caller(guarded, scope) for scope in Scope}


def example(route: Route) -> str:
    """A path of a route, whose job, template or queue there is not."""
    path = route.path
    for variable, text in (("{id}", "x"), ("{name}", "x"), (STATE, "dead"), (TYPE, "nothing")):
        path = path.replace(variable, text)
    return path


def label(route: Route) -> str:
    """What pytest calls a route."""
    return f"{route.method} {route.path}"


@pytest.mark.parametrize("route", GUARDED, ids=label)
@pytest.mark.parametrize("scope", Scope)
async def test_each_route_takes_its_scope_and_admin_only(
    callers: dict[Scope, Caller], scope: Scope, route: Route
) -> None:
    """A key with another scope is told, by 403, which one it lacks; the right one gets on."""
    answer = await callers[scope].call(route.method, example(route))
    if scope in {route.scope, Scope.ADMIN}:
        assert answer.status not in {401, 403, 500}
        return
    assert (answer.status, answer.code) == (403, "missing_scope")
    assert f"`{route.scope}`" in answer.json()["detail"]
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.endswith(f'error="insufficient_scope", scope="{route.scope}"')


def test_what_is_open_to_all() -> None:
    """Health alone is answered to whoever asks; every other route of the table has a scope."""
    assert {route.path for route in HEALTH_ROUTES + API_ROUTES + ALIAS_ROUTES if route.public} == (
        PUBLIC
    )


def test_nothing_is_changed_by_who_may_read() -> None:
    """The scope `read` opens what only looks, and looking wants no other but `admin`."""
    looking = {route.scope for route in GUARDED if route.method == "GET"}
    changing = {route.scope for route in GUARDED if route.method != "GET"}
    assert looking == {Scope.READ, Scope.ADMIN}
    assert changing == {Scope.SUBMIT, Scope.OPERATE, Scope.ADMIN}


def test_an_alias_wants_what_its_target_wants() -> None:
    """Another name for a route opens to the same callers."""
    target = {(route.method, route.path): route for route in API_ROUTES}
    for alias in ALIAS_ROUTES:
        if alias.public:
            continue
        assert alias.alias_of is not None
        of = target[alias.method, alias.alias_of]
        assert (alias.scope, alias.tenants) == (of.scope, of.tenants)


async def test_head_wants_what_get_wants(callers: dict[Scope, Caller]) -> None:
    """HEAD is no way around a scope."""
    assert (await callers[Scope.SUBMIT].call("HEAD", "/api/v1/stats")).status == 403
    assert (await callers[Scope.READ].call("HEAD", "/api/v1/stats")).status == 200


@pytest.mark.parametrize(
    "route",
    [route for route in GUARDED if not route.tenants and route.scope is not Scope.ADMIN],
    ids=label,
)
async def test_what_all_tenants_share_is_closed_to_one(guarded: Service, route: Route) -> None:
    """A key that is confined to a tenant, whatever its scopes, gets nothing about all of them."""
    confined = await caller(guarded, "submit", "read", "operate", tenant="acme")
    answer = await confined.call(route.method, example(route))
    assert (answer.status, answer.code) == (403, "not_for_tenants")
    assert "acme" in answer.json()["detail"]
