"""Who calls: whoever has the token of the settings, an API key, a signed token, or need not say."""

import hmac
from typing import TYPE_CHECKING

from aiohttp import web

from jobqueue.access import ANONYMOUS, KEY_PREFIX, TOKEN, Principal, id_in
from jobqueue.access_errors import InvalidToken
from jobqueue.app.api_keys import ApiKeys
from jobqueue.errors import SettingsError, Unauthorized
from jobqueue.http.browsers import check_page, is_loopback
from jobqueue.http.key_cache import KeyCache
from jobqueue.jwt_settings import JwtSettings
from jobqueue.settings import HttpSettings

if TYPE_CHECKING:
    from jobqueue.http.jwt import JwtVerifier


class Authenticator:
    """Finds out who sends a request.

    Args:
        settings: `token`, `jwt`, and whether somebody may come in without saying who it is.
        keys: the API keys; None: there is no API here, only what is open to all.

    Raises:
        SettingsError: tokens are to be taken, and what reads them is not installed.
    """

    def __init__(self, settings: HttpSettings, keys: ApiKeys | None) -> None:
        token = settings.token
        self._token = token.get_secret_value().encode() if token else None
        self._keys = None if keys is None else KeyCache(keys)
        self._jwt = _jwt_verifier(settings.jwt) if settings.jwt.issuer and keys else None
        self._allow_anonymous = settings.allow_anonymous
        self._origins = frozenset(settings.cors_origins)
        self._is_loopback = is_loopback(settings.host)

    async def principal_of(self, request: web.Request) -> Principal:
        """Who sends a request.

        Raises:
            Unauthorized: it does not say, or not truly.
            ForeignOrigin: it need not say, and a page of another site sends it.
            Unavailable: Redis does not answer, so that nobody can tell.
        """
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        secret = given.strip()
        if scheme.lower() == "bearer" and secret:
            principal = await self._bearer(secret)
            if principal is not None:
                return principal
            if secret.startswith(KEY_PREFIX) or not await self._is_open():
                raise InvalidToken("the token is wrong, or has been revoked, or its time is over")
        elif not await self._is_open():
            raise Unauthorized("send the header `Authorization: Bearer <token>`")
        check_page(request, origins=self._origins, only_this_machine=not self._allow_anonymous)
        return ANONYMOUS

    async def _bearer(self, secret: str) -> Principal | None:
        """Who has this secret; None: nobody."""
        # takes as long for any wrong token, so that none can be guessed letter by letter
        if self._token is not None and hmac.compare_digest(
            secret.encode(errors="replace"), self._token
        ):
            return TOKEN
        if self._keys is not None and secret.startswith(KEY_PREFIX):
            return await self._keys.principal_of(id_in(secret), secret)
        return None if self._jwt is None else await self._jwt.principal_of(secret)

    async def _is_open(self) -> bool:
        """Whether somebody may come in without saying who it is.

        On a machine of one's own that is until there is a key: who makes one wants it asked for.
        """
        if self._token is not None or self._jwt is not None:
            return False
        if self._allow_anonymous:
            return True
        return self._is_loopback and self._keys is not None and not await self._keys.any()


def _jwt_verifier(settings: JwtSettings) -> "JwtVerifier":
    try:
        from jobqueue.http.jwt import JwtVerifier  # noqa: PLC0415 - an extra
    except ImportError:
        raise SettingsError(
            "http.jwt needs a library that is not here: pip install 'jobqueue[jwt]'"
        ) from None
    return JwtVerifier(settings)


async def check_exposure(settings: HttpSettings, keys: ApiKeys) -> None:
    """Refuse to offer the API to a network to whoever asks.

    Raises:
        SettingsError: the host is not loopback, nobody could say who it is, and that is not
            allowed.
    """
    has_own = settings.token is not None or settings.jwt.issuer is not None
    if has_own or settings.allow_anonymous or is_loopback(settings.host):
        return
    if not await keys.exist():
        raise SettingsError(
            f"http.host {settings.host!r} is reachable from the network and there is no "
            "http.token and no API key: set one, or make one with `jobqueue keys create`, or set "
            "http.allow_anonymous = true where the network is trusted"
        )
