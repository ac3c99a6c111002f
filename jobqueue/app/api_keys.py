"""The use cases of API keys: create, list, revoke, and find the one that a caller shows."""

import time
from typing import Annotated

import msgspec
from msgspec import Meta

from jobqueue.access import ApiKey, Scope, digest_of, new_secret
from jobqueue.access_errors import KeyNotFound
from jobqueue.app.decoding import Decoder
from jobqueue.app.requests import Span, Tenant
from jobqueue.broker.api_keys import KeyStore
from jobqueue.errors import FieldError, InvalidRequest

Name = Annotated[
    str,
    Meta(
        pattern=r"^[^\x00-\x1f\x7f\ud800-\udfff]{1,100}\Z",
        description="use 1 to 100 visible characters",
    ),
]
Scopes = Annotated[tuple[Scope, ...], Meta(min_length=1, max_length=len(Scope))]


KeyRate = Annotated[
    str,
    Meta(
        pattern=r"^[1-9][0-9]{0,5}/[1-9][0-9]{0,4}\Z",
        description="use requests/seconds, e.g. 100/60",
    ),
]

MAX_BODY = 1 << 40
"""Bytes that a key may be allowed at most: what is larger is a mistake, and no limit."""


class KeyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a new key is to be, see `ApiKey`.

    Attributes:
        expires_in: seconds from now; None: it works until it is revoked.
    """

    name: Name
    scopes: Scopes
    tenant: Tenant | None = None
    expires_in: Span | None = None
    rate: KeyRate | None = None
    max_body: Annotated[int, Meta(ge=1, le=MAX_BODY)] | None = None


decode_key_request = Decoder(KeyRequest)


class KeyInfo(msgspec.Struct, frozen=True):
    """A key, and when it was last used (Unix time in milliseconds; None: never)."""

    key: ApiKey
    last_used_at_ms: int | None = None

    @property
    def expired(self) -> bool:
        """Whether its time is over."""
        return is_expired(self.key)


class ApiKeys:
    """The keys of one namespace; every method raises Unavailable where Redis is away."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store

    async def create(self, request: KeyRequest) -> tuple[ApiKey, str]:
        """A new key, and its secret, which nobody can learn later.

        Raises:
            InvalidRequest: there can be no such key.
        """
        if request.tenant is not None and Scope.ADMIN in request.scopes:
            problem = "admin is about all tenants: give such a key no tenant"
            raise InvalidRequest("the key is wrong", (FieldError("/scopes", problem),))
        now_ms, (key_id, secret) = _now_ms(), new_secret()
        expires_in = request.expires_in
        key = ApiKey(
            id=key_id,
            name=request.name,
            digest=digest_of(secret),
            scopes=tuple(scope for scope in Scope if scope in request.scopes),
            created_at_ms=now_ms,
            tenant=request.tenant,
            expires_at_ms=None if expires_in is None else now_ms + round(expires_in * 1000),
            rate=request.rate,
            max_body=request.max_body,
        )
        await self._store.add(key)
        return key, secret

    async def list(self) -> list[KeyInfo]:
        """All keys, oldest first."""
        return [KeyInfo(key, used) for key, used in await self._store.all()]

    async def revoke(self, key_id: str) -> None:
        """Let a key open nothing any more.

        Raises:
            KeyNotFound: there is none of this id.
        """
        if not await self._store.remove(key_id):
            raise KeyNotFound(f"there is no key {key_id!r}: `list` shows those that there are")

    async def find(self, key_id: str) -> ApiKey | None:
        """The key of this id; None: there is none."""
        return await self._store.get(key_id)

    async def exist(self) -> bool:
        """Whether there is any key."""
        return await self._store.count() > 0

    async def used(self, key_id: str) -> None:
        """Note that a key is used now."""
        await self._store.touch(key_id, _now_ms())


def is_expired(key: ApiKey) -> bool:
    """Whether the time of a key is over."""
    return key.expires_at_ms is not None and key.expires_at_ms <= _now_ms()


def _now_ms() -> int:
    return round(time.time() * 1000)
