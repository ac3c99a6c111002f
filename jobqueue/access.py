"""Who calls, and what they may do: scopes, API keys, and the principal that a request acts as.

Pure: nothing here does I/O.
"""

import hashlib
import hmac
import secrets
from enum import StrEnum
from typing import Literal

import msgspec

KEY_PREFIX = "jq_"
"""How the secret of every API key begins, so that people and scanners of code know it."""

SECRET_BYTES = 32
"""256 random bits: no number of guesses gets anywhere near one."""

ID_BYTES = 6
"""The id of a key is shown in lists and logs; 48 bits tell any number of keys apart."""

_SEPARATOR = "\x1f"
"""Between a tenant and its own key: no key that a client sends may hold it."""


class Scope(StrEnum):
    """What a caller may do; each is by itself, but that `admin` may do everything."""

    SUBMIT = "submit"
    """Submit jobs, flows and reports."""
    READ = "read"
    """Look at jobs, documents, templates, schedules, queues, workers."""
    OPERATE = "operate"
    """Change what is there: cancel, retry, pause, limit, schedule, store templates."""
    ADMIN = "admin"
    """Everything, and who else may do what."""


class ApiKey(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A key as it is stored: all but its secret.

    Attributes:
        id: part of the secret, and what the key is called in lists and logs.
        digest: of the secret, see `digest_of`.
        tenant: whose jobs alone it has to do with; None: everybody's.
        created_at_ms, expires_at_ms: Unix time; None: never.
        rate: most requests in so many seconds, `100/60`; None: any number.
        max_body: largest request in bytes; None: as `http.max_body` says.
    """

    id: str
    name: str
    digest: str
    scopes: tuple[Scope, ...]
    created_at_ms: int
    tenant: str | None = None
    expires_at_ms: int | None = None
    rate: str | None = None
    max_body: int | None = None


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who a request acts as.

    Attributes:
        kind: an API key, `http.token`, a JSON Web Token, or somebody who need not say.
        id: of the key, or the subject of the token.
        name: for people.
        tenant: whose jobs alone it has to do with; None: everybody's.
        rate, max_body: as `ApiKey` has them.
    """

    kind: Literal["key", "token", "jwt", "anonymous"]
    id: str
    name: str
    scopes: frozenset[Scope]
    tenant: str | None = None
    rate: str | None = None
    max_body: int | None = None

    def may(self, scope: Scope) -> bool:
        """Whether it has a scope."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


TOKEN = Principal(kind="token", id="http.token", name="http.token", scopes=frozenset({Scope.ADMIN}))
"""Who has the token of the settings."""

ANONYMOUS = Principal(
    kind="anonymous", id="anonymous", name="anonymous", scopes=frozenset({Scope.ADMIN})
)
"""Whoever can reach an API that asks nobody."""

NOBODY = Principal(kind="anonymous", id="nobody", name="nobody", scopes=frozenset())
"""Who a request acts as before anybody knows who sends it: somebody who may do nothing."""


def principal_of(key: ApiKey) -> Principal:
    """Who has the secret of a key."""
    return Principal(
        kind="key",
        id=key.id,
        name=key.name,
        scopes=frozenset(key.scopes),
        tenant=key.tenant,
        rate=key.rate,
        max_body=key.max_body,
    )


def new_secret() -> tuple[str, str]:
    """The id and the secret of a new key; the secret is `jq_<id>_<64 hexadecimal digits>`."""
    key_id = secrets.token_hex(ID_BYTES)
    return key_id, f"{KEY_PREFIX}{key_id}_{secrets.token_hex(SECRET_BYTES)}"


def id_in(secret: str) -> str:
    """The id of the key that a secret claims to be of."""
    return secret.removeprefix(KEY_PREFIX).partition("_")[0]


def digest_of(secret: str) -> str:
    """What is stored of a secret: its SHA-256.

    The slow, salted hashes of passwords make guessing dear because people choose passwords that
    can be guessed. Nobody guesses 256 random bits, whatever a guess costs, and no table of them
    can be made; so a fast hash is as safe, and can be computed anew for every request.
    """
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def is_secret_of(secret: str, key: ApiKey) -> bool:
    """Whether a secret is the key's; takes as long for any wrong one."""
    return hmac.compare_digest(digest_of(secret), key.digest)


def key_within(tenant: str, key: str) -> str:
    """A client's own key (idempotency, unique) as one that no other tenant can meet."""
    return f"{tenant}{_SEPARATOR}{key}"


def plain_key(key: str) -> str:
    """A key as its client has sent it."""
    return key.rpartition(_SEPARATOR)[2]
