"""Tokens of an identity provider: who is let in by them, and what is not one."""

import asyncio
import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwk, jwt

from jobqueue.http import jwks

from .callers import Caller, bearer, new_key
from .identity import AUDIENCE, ISSUER, Provider, claims_of, running_provider, unsigned
from .service import Service, running_service

STATS = "/api/v1/stats"
JOBS = "/api/v1/jobs"
SECRET = "a shared secret of no less than 32 bytes"  # noqa: S105 - of the test's own server


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    """An identity provider on loopback."""
    async with running_provider() as provider:
        yield provider


@pytest.fixture
async def trusting(
    provider: Provider, redis_url: str, namespace: str, tmp_path: Path
) -> AsyncIterator[Service]:
    """An API that takes the provider's tokens."""
    settings = {"issuer": ISSUER, "audience": AUDIENCE, "jwks": provider.url}
    async with running_service(redis_url, namespace, tmp_path, jwt=settings) as service:
        yield service


async def status(service: Service, token: str, path: str = STATS) -> int:
    """How a request with a token is answered."""
    return (await service.get(path, headers=bearer(token))).status


@pytest.mark.parametrize(("algorithm", "key"), [("RS256", "rsa"), ("ES256", "ec")])
async def test_a_token_of_the_provider_opens(
    trusting: Service, provider: Provider, algorithm: str, key: str
) -> None:
    """Signed by any of the provider's keys it lets in, with its scopes and no others."""
    token = provider.token(algorithm, key)
    assert await status(trusting, token) == 200
    paused = await trusting.post("/api/v1/queues/x/pause", headers=bearer(token))
    assert (paused.status, paused.code) == (403, "missing_scope")
    assert provider.fetches == 1


async def test_without_a_token_nobody_is_let_in(trusting: Service) -> None:
    """Where tokens are taken the API is not open, even on loopback; API keys open it too."""
    assert (await trusting.get(STATS)).status == 401
    _, secret = await new_key(trusting, "read")
    assert await status(trusting, secret) == 200


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": int(time.time()) - 3600},
        {"exp": None},
        {"exp": "tomorrow"},
        {"nbf": int(time.time()) + 3600},
        {"iat": int(time.time()) + 3600},
        {"aud": "another-service"},
        {"aud": ["a", "b"]},
        {"aud": None},
        {"iss": "https://evil.example.test"},
        {"iss": f"{ISSUER}/"},
        {"iss": [ISSUER]},
        {"iss": None},
        {"sub": None},
        {"sub": 7},
    ],
    ids=str,
)
async def test_a_token_for_something_else_does_not(
    trusting: Service, provider: Provider, claims: dict[str, Any]
) -> None:
    """Expired, not yet valid, of another issuer, for another service, of nobody: refused."""
    answer = await trusting.get(STATS, headers=bearer(provider.token(**claims)))
    assert (answer.status, answer.code) == (401, "unauthorized")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


async def test_clocks_may_differ_a_little(trusting: Service, provider: Provider) -> None:
    """A token whose time was over some seconds ago is taken still."""
    now = int(time.time())
    assert await status(trusting, provider.token(exp=now - 5)) == 200
    assert await status(trusting, provider.token(nbf=now + 5, aud=["x", AUDIENCE])) == 200


def hostile(provider: Provider) -> dict[str, str]:
    """Tokens that nobody should have, by what is wrong with them."""
    public = provider.keys["rsa"]
    pem = public.as_pem(private=False)
    confused = unsigned({"alg": "HS256", "kid": "rsa"}, claims_of()).rstrip(".")
    mac = hmac.new(pem, confused.encode(), hashlib.sha256).digest()
    head, body, signature = provider.token().split(".")
    stranger = jwk.RSAKey.generate_key(2048, {"kid": "rsa"})
    own = {"alg": "RS256", "kid": "evil", "jwk": stranger.as_dict(private=False)}
    return {
        "alg none": unsigned({"alg": "none", "kid": "rsa"}, claims_of()),
        "alg None, signed with nothing": unsigned({"alg": "None", "kid": "rsa"}, claims_of(), b"x"),
        "alg confusion": unsigned({"alg": "HS256", "kid": "rsa"}, claims_of(), mac),
        "signed with a published oct key": jwt.encode(
            {"alg": "HS256", "kid": "oct"}, claims_of(), jwk.OctKey.import_key("secret" * 6)
        ),
        "signed by a stranger under our kid": jwt.encode(
            {"alg": "RS256", "kid": "rsa"}, claims_of(), stranger
        ),
        "brings its own key": jwt.encode(own, claims_of(), stranger),
        "algorithm that is not taken": provider.token("RS512"),
        "claims changed": f"{head}.{body[:-4]}AAAA.{signature}",
        "no signature": f"{head}.{body}.",
        "not base64": "a.b.c",
        "header is a list": unsigned([], claims_of()),  # type: ignore[arg-type]
        "kid is a number": unsigned({"alg": "RS256", "kid": 1}, claims_of()),
        "kid is a path": unsigned({"alg": "RS256", "kid": "../../etc/passwd"}, claims_of()),
        "critical extension": unsigned({"alg": "RS256", "kid": "rsa", "crit": ["x"]}, claims_of()),
        "encrypted": "a.b.c.d.e",
        "deep": unsigned({"alg": "RS256", "kid": "rsa"}, {"a": "[" * 3000}),
        "no kid": unsigned({"alg": "RS256"}, claims_of(), b"x"),
        "only dots": "..",
        "long": "a" * 7000,
    }


@pytest.mark.parametrize("wrong", list(hostile(Provider())))
async def test_hostile_tokens_are_refused(
    trusting: Service, provider: Provider, wrong: str
) -> None:
    """Whatever is sent instead of a token of the provider's is 401, never an error and never in."""
    answer = await trusting.get(STATS, headers=bearer(hostile(provider)[wrong]))
    assert (answer.status, answer.code) == (401, "unauthorized")
    assert provider.fetches <= 1


async def test_a_huge_token_is_refused(trusting: Service, provider: Provider) -> None:
    """A header that is larger than any token is refused before anybody looks at it."""
    answer = await trusting.get(STATS, headers=bearer(provider.token(padding="x" * 100_000)))
    assert answer.status == 400
    assert await status(trusting, provider.token()) == 200


async def test_keys_are_rotated(
    trusting: Service, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new key is found when it is first used; one that is withdrawn opens nothing then."""
    monkeypatch.setattr(jwks, "PAUSE", 0.0)
    provider.published = ["rsa"]
    assert await status(trusting, provider.token()) == 200
    provider.published = ["ec"]
    assert await status(trusting, provider.token("ES256", "ec")) == 200
    assert provider.fetches == 2
    assert await status(trusting, provider.token()) == 401


async def test_made_up_key_ids_do_not_flood_the_provider(
    trusting: Service, provider: Provider
) -> None:
    """However many unknown keys are named, the provider is asked once in a while only."""
    made_up = [unsigned({"alg": "RS256", "kid": f"k{n}"}, claims_of(), b"x") for n in range(30)]
    answers = await asyncio.gather(*(status(trusting, token) for token in made_up))
    assert set(answers) == {401}
    assert provider.fetches == 1


async def test_a_provider_that_is_away_forgets_nobody(
    trusting: Service, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Known keys are used on while the provider is away, for a time; without any it is 503."""
    monkeypatch.setattr(jwks, "PAUSE", 0.0)
    monkeypatch.setattr(jwks, "FRESH", 0.0)
    provider.down = True
    answer = await trusting.get(STATS, headers=bearer(provider.token()))
    assert (answer.status, answer.code) == (503, "identity_unavailable")
    assert "Retry-After" in answer.headers
    provider.down = False
    assert await status(trusting, provider.token()) == 200
    provider.down = True
    assert await status(trusting, provider.token()) == 200
    monkeypatch.setattr(jwks, "STALE", 0.0)
    assert await status(trusting, provider.token()) == 503


async def test_other_signatures_when_asked_for(
    provider: Provider, redis_url: str, namespace: str, tmp_path: Path
) -> None:
    """The settings say which signatures are taken, and the others are not then."""
    settings = {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "jwks": provider.url,
        "algorithms": "Ed25519,PS256",
    }
    async with running_service(redis_url, namespace, tmp_path, jwt=settings) as service:
        assert await status(service, provider.token("Ed25519", "ed")) == 200
        assert await status(service, provider.token("PS256")) == 200
        assert await status(service, provider.token("RS256")) == 401


async def test_keys_in_a_file(
    provider: Provider, redis_url: str, namespace: str, tmp_path: Path
) -> None:
    """The keys may be in a file, for who has no way to the provider."""
    path = tmp_path / "keys.json"
    path.write_bytes(provider.document())
    settings = {"issuer": ISSUER, "audience": AUDIENCE, "jwks": str(path)}
    async with running_service(redis_url, namespace, tmp_path, jwt=settings) as service:
        assert await status(service, provider.token("ES256", "ec")) == 200
        assert provider.fetches == 0


async def test_tokens_signed_with_a_secret(
    provider: Provider, redis_url: str, namespace: str, tmp_path: Path
) -> None:
    """With a shared secret HMAC is taken, and nothing else."""
    settings = {"issuer": ISSUER, "audience": AUDIENCE, "secret": SECRET}
    async with running_service(redis_url, namespace, tmp_path, jwt=settings) as service:
        for secret, expected in ((SECRET, 200), (SECRET + "x", 401)):
            key = jwk.OctKey.import_key(secret)
            assert await status(service, jwt.encode({"alg": "HS256"}, claims_of(), key)) == expected
        assert await status(service, unsigned({"alg": "none"}, claims_of())) == 401
        assert await status(service, provider.token()) == 401


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({"roles": ["jq:read", "jq:submit", "read"]}, {"read", "submit"}),
        ({"roles": "jq:admin other"}, {"read", "submit", "operate", "admin"}),
        ({"roles": ["read", 7, None]}, set()),
        ({"roles": {"jq:read": True}}, set()),
        ({}, set()),
    ],
)
async def test_claims_become_scopes(
    provider: Provider,
    redis_url: str,
    tmp_path: Path,
    claims: dict[str, Any],
    scopes: set[str],
) -> None:
    """The scopes are in the claim that the settings name, nested if need be, behind a prefix."""
    settings = {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "jwks": provider.url,
        "scope_claim": "realm.roles",
        "scope_prefix": "jq:",
    }
    routes = {
        "read": ("GET", STATS),
        "submit": ("POST", JOBS),
        "operate": ("POST", "/api/v1/queues/x/resume"),
        "admin": ("GET", "/api/v1/keys"),
    }
    async with running_service(redis_url, "test-claims", tmp_path, jwt=settings) as service:
        by = Caller(service, provider.token(scope=None, realm=claims))
        opened = {
            name
            for name, route in routes.items()
            if (await by.call(*route)).status not in {401, 403}
        }
    assert opened == scopes


async def test_a_claim_confines_to_a_tenant(
    provider: Provider, redis_url: str, namespace: str, tmp_path: Path
) -> None:
    """Where a claim has the tenant, a token without it is none, but an administrator's."""
    settings = {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "jwks": provider.url,
        "tenant_claim": "https://acme.test/tenant",
    }
    body = {"type": "echo", "payload": 1}
    async with running_service(redis_url, namespace, tmp_path, jwt=settings) as service:
        acme = Caller(service, provider.token(**{"https://acme.test/tenant": "acme"}))
        other = Caller(service, provider.token(**{"https://acme.test/tenant": "other"}))
        admin = Caller(service, provider.token(scope="admin"))
        job = (await acme.call("POST", JOBS, body)).json()
        assert job["tenant"] == "acme"
        assert (await other.call("GET", f"{JOBS}/{job['id']}")).status == 404
        assert (await admin.call("GET", f"{JOBS}/{job['id']}")).status == 200
        assert (await acme.call("GET", STATS)).code == "not_for_tenants"
        for claims in (
            {},
            {"https://acme.test/tenant": ""},
            {"https://acme.test/tenant": ["acme"]},
        ):
            assert await status(service, provider.token(**claims), JOBS) == 401
