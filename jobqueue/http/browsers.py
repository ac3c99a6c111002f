"""Web pages that call through a browser: what they may do where nobody is asked who it is.

A page of any site can send requests to this machine from its user's browser. With a token it has
none to send; without one it would be whoever is on the machine. Browsers say which site a page is
of (`Origin`), and by which name they reached us (`Host`), which for a site that points its own
name at this machine is that name.
"""

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from aiohttp import web

from jobqueue.access_errors import ForeignOrigin


def check_page(request: web.Request, *, origins: Collection[str], only_this_machine: bool) -> None:
    """Refuse what a page of another site sends.

    Args:
        request: of somebody who did not say who it is.
        origins: of further pages that may call.
        only_this_machine: whether everybody who may call is on it.

    Raises:
        ForeignOrigin: it is of another site.
    """
    host, origin = request.headers.get("Host"), request.headers.get("Origin")
    own = {f"http://{host}", f"https://{host}"}
    if origin is not None and origin not in own and origin not in origins:
        raise ForeignOrigin(
            f"a page of {origin} may not call without a token, unless http.cors_origins names it"
        )
    if only_this_machine and host is not None and not is_loopback(_name_in(host)):
        raise ForeignOrigin(
            f"without a token this machine is to be called by its own name, not as {host}: set "
            "http.token, or http.allow_anonymous = true where a proxy asks who is there"
        )


def is_loopback(host: str) -> bool:
    """Whether `host` names this machine to itself only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _name_in(host: str) -> str:
    """The name or address in a Host header, which may have a port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
