"""An identity provider on loopback: real keys, and a server that publishes their public halves."""

import base64
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import web
from joserfc import jwk, jwt

ISSUER = "https://login.example.test"
AUDIENCE = "jobqueue"


class Provider:
    """Signs tokens.

    Attributes:
        keys: the private keys that it has, by their ids; those of `published` can be fetched.
        fetches: how often they were.
        down: whether it answers 500 instead.
    """

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {
            "rsa": jwk.RSAKey.generate_key(2048, {"kid": "rsa"}),
            "ec": jwk.ECKey.generate_key("P-256", {"kid": "ec"}),
            "ed": jwk.OKPKey.generate_key("Ed25519", {"kid": "ed"}),
        }
        self.published = ["rsa", "ec", "ed"]
        self.fetches = 0
        self.down = False
        self.url = ""

    def document(self) -> bytes:
        """The JWK set."""
        keys = [{**self.keys[name].as_dict(private=False), "use": "sig"} for name in self.published]
        junk = [{"kty": "oct", "k": "c2VjcmV0", "kid": "oct"}, {"kty": "RSA", "kid": "broken"}]
        return msgspec.json.encode({"keys": [*keys, *junk]})

    def token(self, algorithm: str = "RS256", key: str = "rsa", **claims: Any) -> str:
        """A token that is right, but for `claims`; those that are None are left out."""
        header = {"alg": algorithm, "kid": key}
        return jwt.encode(header, claims_of(**claims), self.keys[key], algorithms=[algorithm])

    async def _answer(self, _request: web.Request) -> web.Response:
        self.fetches += 1
        if self.down:
            return web.Response(status=500)
        return web.Response(body=self.document(), content_type="application/json")


def claims_of(**claims: Any) -> dict[str, Any]:
    """Claims that are right, but for those that are given; those that are None are left out."""
    right = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "alice",
        "exp": int(time.time()) + 60,
        "scope": "openid read submit",
    }
    return {name: value for name, value in {**right, **claims}.items() if value is not None}


def unsigned(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    """A token with whatever header and signature."""
    parts = (msgspec.json.encode(header), msgspec.json.encode(claims), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@asynccontextmanager
async def running_provider() -> AsyncIterator[Provider]:
    """A provider whose keys are at its `url`."""
    provider, app = Provider(), web.Application()
    app.router.add_get("/jwks", provider._answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    provider.url = f"http://127.0.0.1:{runner.addresses[0][1]}/jwks"
    try:
        yield provider
    finally:
        await runner.cleanup()
