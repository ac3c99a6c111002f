"""Browsers: what every answer forbids them, and which pages may call."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .callers import bearer, new_key
from .service import Service, running_service

APP = "https://app.example.test"
EVIL = "https://evil.example.test"
JOBS = "/api/v1/jobs"
TOKEN = "the-token-of-the-settings"  # noqa: S105 - opens only the test's own server
ASKING = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x"}


@pytest.fixture
async def shared(redis_url: str, namespace: str, tmp_path: Path) -> AsyncIterator[Service]:
    """An API that pages of one site may call."""
    async with running_service(
        redis_url, namespace, tmp_path, token=TOKEN, cors_origins=(APP,)
    ) as service:
        yield service


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/stats"),
        ("POST", JOBS),
        ("GET", f"{JOBS}/nothing"),
        ("GET", "/nothing"),
        ("OPTIONS", JOBS),
        ("GET", "/healthz"),
        ("GET", "/metrics"),
        ("GET", "/jobs/stats"),
    ],
)
async def test_every_answer_forbids_what_no_browser_should(
    service: Service, method: str, path: str
) -> None:
    """Whatever the outcome: nothing is run, framed, guessed, embedded elsewhere, or kept."""
    answer = await service.call(method, path)
    headers = answer.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"


async def test_no_page_is_let_in_unless_configured(service: Service) -> None:
    """By default no answer says that a page may read it, and none may ask."""
    _, secret = await new_key(service, "read")
    answer = await service.get("/api/v1/stats", headers={**bearer(secret), "Origin": APP})
    asked = await service.call("OPTIONS", JOBS, headers={**bearer(secret), "Origin": APP, **ASKING})
    assert (answer.status, asked.status) == (200, 405)
    for each in (answer, asked):
        assert not [name for name in each.headers if name.startswith("Access-Control-")]


async def test_a_configured_page_may_ask_and_read(shared: Service) -> None:
    """Its browser is answered without a token, and told what it may send and read."""
    asked = await shared.call("OPTIONS", JOBS, headers={"Origin": APP, **ASKING})
    assert asked.status == 204
    assert asked.headers["Access-Control-Allow-Origin"] == APP
    assert asked.headers["Access-Control-Allow-Methods"] == "GET, HEAD, POST"
    assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in asked.headers

    headers = {"Origin": APP, **bearer(TOKEN)}
    for path, status in (("/api/v1/stats", 200), (f"{JOBS}/nothing", 404), ("/nothing", 404)):
        answer = await shared.get(path, headers=headers)
        assert answer.status == status
        assert answer.headers["Access-Control-Allow-Origin"] == APP
        assert "Location" in answer.headers["Access-Control-Expose-Headers"]
        assert answer.headers["Vary"] == "Origin"
    unknown = await shared.get("/api/v1/stats", headers={"Origin": APP})
    assert (unknown.status, unknown.headers["Access-Control-Allow-Origin"]) == (401, APP)


@pytest.mark.parametrize("origin", [EVIL, f"{APP}.evil.example.test", "null", APP.upper(), ""])
async def test_any_other_page_may_not(shared: Service, origin: str) -> None:
    """Another origin, however alike, is told nothing."""
    asked = await shared.call("OPTIONS", JOBS, headers={"Origin": origin, **ASKING})
    assert asked.status == 401
    answer = await shared.get("/api/v1/stats", headers={"Origin": origin, **bearer(TOKEN)})
    for each in (asked, answer):
        assert "Access-Control-Allow-Origin" not in each.headers
    assert answer.headers["Vary"] == "Origin"


async def test_a_configured_page_may_call_an_api_that_asks_nobody(
    redis_url: str, namespace: str, tmp_path: Path
) -> None:
    """The origin that is configured is one that may call without a token too."""
    async with running_service(redis_url, namespace, tmp_path, cors_origins=(APP,)) as service:
        assert (await service.get("/api/v1/stats", headers={"Origin": APP})).status == 200
        assert (await service.get("/api/v1/stats", headers={"Origin": EVIL})).status == 403
