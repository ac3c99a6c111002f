"""JSON Web Tokens: who has one that an identity provider signed.

What a token says of itself is believed of its key's id only, and that leads to a key of the
provider's or nowhere. Which signatures are taken is in the settings; with public keys HMAC is not
among them, so that no public key is ever used as a secret.
"""

import base64
from collections.abc import Mapping
from typing import Any

import msgspec
from joserfc import jwk, jwt
from joserfc.errors import JoseError

from jobqueue.access import Principal, Scope
from jobqueue.access_errors import InvalidToken
from jobqueue.app.requests import Tenant
from jobqueue.http.jwks import Key, KeySet
from jobqueue.jwt_settings import JwtSettings

MAX_LENGTH = 8 * 1024
"""Characters of a token: more than any provider's, and than the server takes in one header."""

PARTS = 3
"""Of a signed token; an encrypted one has five."""


class JwtVerifier:
    """Finds the principals of tokens.

    Args:
        settings: have an issuer.
    """

    def __init__(self, settings: JwtSettings) -> None:
        self._settings = settings
        self._keys = None if settings.jwks is None else KeySet(settings.jwks)
        self._secret = None
        if settings.secret is not None:
            self._secret = jwk.OctKey.import_key(settings.secret.get_secret_value())
        self._claims = jwt.JWTClaimsRegistry(
            leeway=settings.leeway,
            iss={"essential": True, "value": settings.issuer or ""},
            aud={"essential": True, "value": settings.audience or ""},
            exp={"essential": True},
            sub={"essential": True},
        )

    async def principal_of(self, token: str) -> Principal:
        """Who has a token.

        Raises:
            InvalidToken: nobody, as it is none of the provider's, or not for this service, or its
                time is over.
            IdentityUnavailable: the provider's keys cannot be read.
        """
        if len(token) > MAX_LENGTH or token.count(".") != PARTS - 1:
            raise _invalid("it is no signed token")
        key = await self._key_of(token)
        claims = self._verified(token, key)
        scopes = frozenset(self._scopes(claims))
        return Principal(
            kind="jwt",
            id=claims["sub"],
            name=claims["sub"],
            scopes=scopes,
            tenant=self._tenant(claims, scopes),
        )

    async def _key_of(self, token: str) -> Key | jwk.OctKey:
        if self._secret is not None:
            return self._secret
        assert self._keys is not None  # noqa: S101 - one of the two is set
        key = await self._keys.find(_key_id(token))
        if key is None:
            raise _invalid("its key is none of the identity provider's")
        return key

    def _verified(self, token: str, key: Key | jwk.OctKey) -> dict[str, Any]:
        """The claims of a token whose signature and claims are right."""
        try:
            decoded = jwt.decode(token, key, algorithms=[*self._settings.allowed])
            self._claims.validate(decoded.claims)
        except JoseError as error:
            raise _invalid(error.description or error.error) from None
        except (ValueError, TypeError, KeyError, RecursionError):
            raise _invalid("it cannot be read") from None
        return decoded.claims

    def _scopes(self, claims: Mapping[str, Any]) -> list[Scope]:
        value = _claim(claims, self._settings.scope_claim)
        words = value.split() if isinstance(value, str) else value
        if not isinstance(words, list):
            return []
        prefix = self._settings.scope_prefix
        named = {str(word).removeprefix(prefix) for word in words if str(word).startswith(prefix)}
        return [scope for scope in Scope if scope in named]

    def _tenant(self, claims: Mapping[str, Any], scopes: frozenset[Scope]) -> str | None:
        """The tenant; where a claim has it, only administrators may come without."""
        name = self._settings.tenant_claim
        if name is None:
            return None
        value = _claim(claims, name)
        if value is None and Scope.ADMIN in scopes:
            return None
        try:
            return msgspec.convert(value, Tenant)
        except msgspec.ValidationError:
            raise _invalid(f"its claim {name!r} names no tenant") from None


def _key_id(token: str) -> str | None:
    """The id of the key that a token says it is signed with."""
    header = token.partition(".")[0]
    try:
        fields = msgspec.json.decode(_from_base64(header), type=_Header)
    except (ValueError, msgspec.MsgspecError):
        raise _invalid("it cannot be read") from None
    return fields.kid


class _Header(msgspec.Struct):
    kid: str | None = None


def _from_base64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _claim(claims: Mapping[str, Any], path: str) -> Any:
    """A claim by its name, or by its way through nested ones; None: it is not there."""
    if path in claims:  # names may be addresses, with dots in them
        return claims[path]
    value: Any = claims
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _invalid(why: str) -> InvalidToken:
    return InvalidToken(f"the token is refused: {why}")
