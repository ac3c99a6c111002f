"""Who may call."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jobqueue.http.routes import ALIAS_ROUTES, API_ROUTES, STATE, TYPE

from .service import Service, running_service

TOKEN = "s3cret-t0ken"  # noqa: S105 - opens only the test's own server


@pytest.fixture
async def guarded(redis_url: str, namespace: str, tmp_path: Path) -> AsyncIterator[Service]:
    """An API with a token."""
    async with running_service(redis_url, namespace, tmp_path, token=TOKEN) as service:
        yield service


@pytest.mark.parametrize(
    ("method", "path"),
    [(route.method, route.path) for route in API_ROUTES + ALIAS_ROUTES if not route.public],
)
async def test_every_route_wants_the_token(guarded: Service, method: str, path: str) -> None:
    """Without the token, no route of the API or of its aliases answers."""
    examples = (("{id}", "x"), ("{name}", "x"), (STATE, "queued"), (TYPE, "echo"))
    for variable, example in examples:
        path = path.replace(variable, example)
    answer = await guarded.call(method, path)
    assert (answer.status, answer.code) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/jobs/health"])
async def test_health_and_metrics_want_none(guarded: Service, path: str) -> None:
    """Load balancers and Prometheus need no token."""
    assert (await guarded.get(path)).status == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_token_opens(guarded: Service, scheme: str) -> None:
    """With the token the API answers; the scheme's letters may be of any case."""
    headers = {"Authorization": f"{scheme} {TOKEN}"}
    assert (await guarded.get("/api/v1/stats", headers=headers)).status == 200


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN.upper()}",
        f"Bearer x {TOKEN}",
        "Bearer t\u00f6ken",
    ],
)
async def test_anything_else_does_not(guarded: Service, header: str) -> None:
    """No other header opens, and the answer does not show the token."""
    answer = await guarded.get("/api/v1/stats", headers={"Authorization": header})
    assert (answer.status, answer.code) == (401, "unauthorized")
    assert TOKEN.encode() not in answer.body


async def test_says_nothing_about_methods_without_a_token(guarded: Service) -> None:
    """Which methods a path has is told only to who may use them; what is not there is 404."""
    assert (await guarded.call("PUT", "/api/v1/jobs")).status == 401
    assert (await guarded.get("/nothing")).status == 404
