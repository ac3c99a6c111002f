"""Settings of JSON Web Tokens: whose tokens the API takes, and what their claims mean."""

import ipaddress
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from jobqueue.setting_group import Group

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
    "Ed25519", "HS256", "HS384", "HS512",
]  # fmt: skip
"""Signatures that are taken at all; `none` is not one."""

DEFAULT_ALGORITHMS: dict[str, tuple[Algorithm, ...]] = {
    "jwks": ("RS256", "ES256"),
    "secret": ("HS256",),
}
"""Those that are taken where none are set, by what checks them."""

LEAST_SECRET = 32
"""Bytes of the secret of an HMAC at least (RFC 7518, section 3.2): a shorter one can be guessed
offline by whoever has a token."""


def split_words(value: Any) -> Any:
    """Takes `a,b` for `["a", "b"]`."""
    if not isinstance(value, str):
        return value
    return [word.strip() for word in value.split(",") if word.strip()]


class JwtSettings(Group):
    """JSON Web Tokens of an identity provider; taken where there is an `issuer`.

    Attributes:
        issuer: their claim `iss`.
        audience: what is in their claim `aud`.
        jwks: where the public keys are: `https://…`, or a file.
        secret: the shared key, where tokens are signed by HMAC.
        algorithms: the signatures that are taken.
        scope_claim: has the scopes, a text of words or a list; `a.b` is `b` in `a`.
        scope_prefix: before each scope that is meant for this service.
        tenant_claim: has the tenant to which a token confines its holder.
        leeway: seconds by which clocks may differ.
    """

    issuer: str | None = None
    audience: str | None = None
    jwks: str | None = None
    secret: SecretStr | None = None
    algorithms: Annotated[tuple[Algorithm, ...], BeforeValidator(split_words)] = ()
    scope_claim: str = "scope"
    scope_prefix: str = ""
    tenant_claim: str | None = None
    leeway: int = Field(30, ge=0, le=300)

    @property
    def allowed(self) -> tuple[Algorithm, ...]:
        """The signatures that are taken."""
        return self.algorithms or DEFAULT_ALGORITHMS["jwks" if self.jwks else "secret"]

    @model_validator(mode="after")
    def _check(self) -> Self:
        given = {name for name in ("audience", "jwks", "secret") if getattr(self, name)}
        if not self.issuer:
            if given:
                raise ValueError(f"issuer must be set where {' and '.join(sorted(given))} is")
            return self
        if not self.audience:
            raise ValueError("audience must be set where issuer is: other services have tokens too")
        if len(given & {"jwks", "secret"}) != 1:
            raise ValueError("one of jwks and secret must be set where issuer is")
        self._check_keys()
        return self

    def _check_keys(self) -> None:
        """A public key must never be taken for the secret of an HMAC, nor be changed on its way."""
        symmetric = {name for name in self.allowed if name.startswith("HS")}
        if self.jwks is not None:
            if symmetric:
                raise ValueError("algorithms must not be HS… with jwks: public keys are no secret")
            if self.jwks.startswith("http://") and not _is_here(self.jwks):
                raise ValueError("jwks must be https:// or a file")
        if self.secret is not None:
            if len(symmetric) < len(self.allowed):
                raise ValueError("algorithms must be HS256, HS384 or HS512 with secret")
            if len(self.secret.get_secret_value().encode()) < LEAST_SECRET:
                raise ValueError(f"secret must have {LEAST_SECRET} bytes at least")


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
