"""The public keys of an identity provider, by their ids: fetched when needed, kept, renewed."""

import asyncio
import time
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import structlog
from joserfc import jwk
from joserfc.errors import JoseError

from jobqueue.access_errors import IdentityUnavailable

FRESH = 300.0
"""Seconds for which keys are used without a look: so long a withdrawn one may go on."""

STALE = 3600.0
"""Seconds for which they are used while the provider does not answer: longer than it is away for
an upgrade, shorter than a stolen key should be good for."""

PAUSE = 10.0
"""Seconds between two fetches: a token with an unknown key leads to one, and anybody can make such
tokens."""

TIMEOUT = 5.0
"""Seconds for a fetch: callers wait for it."""

MAX_BYTES = 256 * 1024
"""A provider has a handful of keys, of a kilobyte each."""

Key = jwk.RSAKey | jwk.ECKey | jwk.OKPKey

log = structlog.get_logger(__name__)


class KeySet:
    """The keys at one place.

    Args:
        place: an address of HTTP, or a path.
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self._keys: dict[str | None, Key] = {}
        self._read_at = -STALE
        self._tried_at = -PAUSE
        self._reading = asyncio.Lock()

    async def find(self, key_id: str | None) -> Key | None:
        """The key of this id; None: there is none. Without an id it is the only one there is.

        Raises:
            IdentityUnavailable: there are no keys, as they cannot be fetched.
        """
        if self._age() > FRESH or self._known(key_id) is None:
            await self._renew()
        if self._age() > STALE:
            raise IdentityUnavailable("the keys of the identity provider cannot be read just now")
        return self._known(key_id)

    def _known(self, key_id: str | None) -> Key | None:
        if key_id is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(key_id)

    def _age(self) -> float:
        return time.monotonic() - self._read_at

    async def _renew(self) -> None:
        """Read the keys, unless somebody has just tried to; who can goes on meanwhile."""
        if self._reading.locked() and self._age() <= STALE:
            return
        async with self._reading:
            now = time.monotonic()
            if now - self._tried_at < PAUSE:
                return
            self._tried_at = now
            try:
                async with asyncio.timeout(TIMEOUT):
                    self._keys = keys_in(await self._read())
                self._read_at = now
            except (aiohttp.ClientError, OSError, ValueError, msgspec.MsgspecError) as error:
                log.warning(
                    "keys_of_identity_provider_not_read", place=self._place, reason=str(error)
                )

    async def _read(self) -> bytes:
        if not self._place.startswith(("http://", "https://")):
            return await asyncio.to_thread(Path(self._place).read_bytes)
        async with (
            aiohttp.ClientSession() as session,
            session.get(self._place, allow_redirects=False, raise_for_status=True) as response,
        ):
            if response.status != 200:  # noqa: PLR2004 - OK
                raise ValueError(f"the answer is {response.status}")
            content = await response.content.read(MAX_BYTES + 1)
            while len(content) <= MAX_BYTES and (more := await response.content.read(MAX_BYTES)):
                content += more
        if len(content) > MAX_BYTES:
            raise ValueError(f"the answer has more than {MAX_BYTES} bytes")
        return content


def keys_in(content: bytes) -> dict[str | None, Key]:
    """The public signing keys of a JWK set (RFC 7517) by id; what else is in it is left out.

    Raises:
        ValueError: it is no JWK set, or has no such key.
    """
    found: dict[str | None, Key] = {}
    for entry in msgspec.json.decode(content, type=_KeyDocument).keys:
        key = _public_key(entry)
        if key is not None:
            found[entry.get("kid")] = key
    if not found:
        raise ValueError("there is no public key for signatures in it")
    return found


class _KeyDocument(msgspec.Struct):
    keys: list[dict[str, Any]]


def _public_key(entry: dict[str, Any]) -> Key | None:
    if entry.get("use", "sig") != "sig" or entry.get("kty") not in {"RSA", "EC", "OKP"}:
        return None  # an `oct` key would be a secret, which nobody publishes
    try:
        key = jwk.import_key(entry)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return None if isinstance(key, jwk.OctKey) else key
