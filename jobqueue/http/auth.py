"""Who may call: a bearer token, or whoever is on this machine."""

import hmac
import ipaddress

from aiohttp import web
from pydantic import SecretStr

from jobqueue.errors import SettingsError, Unauthorized
from jobqueue.settings import HttpSettings


class Authenticator:
    """Checks `Authorization: Bearer <http.token>`, where a token is set."""

    def __init__(self, token: SecretStr | None) -> None:
        self._token = token.get_secret_value().encode() if token else None

    def check(self, request: web.Request) -> None:
        """Raises Unauthorized unless the request may be answered."""
        if self._token is None:
            return
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthorized("send the header `Authorization: Bearer <token>`")
        # takes as long for any wrong token, so that none can be guessed letter by letter
        if not hmac.compare_digest(given.strip().encode(errors="replace"), self._token):
            raise Unauthorized("the token is not the one that is set as http.token")


def check_exposure(settings: HttpSettings) -> None:
    """Refuse to offer the API to a network to whoever asks.

    Raises:
        SettingsError: the host is not loopback, there is no token, and that is not allowed.
    """
    if settings.token is None and not settings.allow_anonymous and not is_loopback(settings.host):
        raise SettingsError(
            f"http.host {settings.host!r} is reachable from the network and there is no "
            "http.token: set one, or http.allow_anonymous = true where the network is trusted"
        )


def is_loopback(host: str) -> bool:
    """Whether `host` names this machine to itself only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
