"""What a document loads, what it says of itself while it does, and which answers it bears."""

import re
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from jobqueue.render.options.base import OptionGroup

MAX_COOKIES = 50
MAX_HEADERS = 50
"""As many as Chromium sends to one host without dropping any."""

MAX_VALUE = 4096
"""Characters of a cookie's or a header's value: browsers take no longer cookies."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE = re.compile(r"[\t -~\x80-\xff]*")
_COOKIE_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]*")
_PATH = re.compile(r"/[!-:<-~]{0,500}")
_STATUS = re.compile(r"[1-5]xx")
_NOT_OURS = re.compile(
    r"(?:proxy-|sec-|access-control-).*|host|cookie|connection|keep-alive|te|trailer|upgrade"
    r"|transfer-encoding|content-length|expect",
    re.IGNORECASE,
)
"""Headers by which a browser and its servers understand each other; cookies have an option."""

_SAME_SITE = {"Strict", "Lax", "None"}
_FLAGS = ("secure", "http_only")
_COOKIE_FIELDS = ("name", "value", "path", "same_site", *_FLAGS)


def _cookies(value: object) -> object:
    if not isinstance(value, list) or len(value) > MAX_COOKIES:
        raise ValueError(f"must be a list of at most {MAX_COOKIES} cookies")
    return [_cookie(number, each) for number, each in enumerate(value)]


def _cookie(number: int, cookie: object) -> dict[str, Any]:
    if not isinstance(cookie, dict) or not {"name", "value"} <= cookie.keys():
        raise ValueError(f"cookie {number} must be an object with name and value")
    for name in cookie:
        if name not in _COOKIE_FIELDS:
            raise ValueError(
                f"cookie {number}: {name!r} is not known; there are {', '.join(_COOKIE_FIELDS)}"
            )
    _check_text(number, "name", cookie["name"], _TOKEN)
    _check_text(number, "value", cookie["value"], _COOKIE_VALUE)
    _check_text(number, "path", cookie.get("path", "/"), _PATH)
    if cookie.get("same_site", "Lax") not in _SAME_SITE:
        raise ValueError(f"cookie {number}: same_site must be Strict, Lax or None")
    for flag in _FLAGS:
        if not isinstance(cookie.get(flag, False), bool):
            raise ValueError(f"cookie {number}: {flag} must be true or false")  # noqa: TRY004 - told by pydantic
    return cookie


def _check_text(number: int, field: str, text: object, pattern: re.Pattern[str]) -> None:
    if not isinstance(text, str) or len(text) > MAX_VALUE or not pattern.fullmatch(text):
        raise ValueError(f"cookie {number}: {field} has characters that no cookie has there")


def _headers(value: object) -> object:
    if not isinstance(value, dict) or len(value) > MAX_HEADERS:
        raise ValueError(f"must be an object of at most {MAX_HEADERS} headers")
    for name, text in value.items():
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a header")
        if _NOT_OURS.fullmatch(name):
            raise ValueError(f"{name} is set by the browser; cookies go into the option cookies")
        _check_header_value(name, text)
    return value


def _check_header_value(name: str, text: object) -> None:
    if not isinstance(text, str) or len(text) > MAX_VALUE or not _VALUE.fullmatch(text):
        raise ValueError(f"the value of {name} must be one line of at most {MAX_VALUE} characters")


def _user_agent(value: object) -> object:
    if not value:
        raise ValueError("must not be empty")
    _check_header_value("User-Agent", value)
    return value


def _statuses(value: object) -> object:
    if not isinstance(value, list):
        raise ValueError("must be a list such as [404, '5xx']")  # noqa: TRY004 - told by pydantic
    for each in value:
        is_number = isinstance(each, int) and not isinstance(each, bool) and 100 <= each <= 599  # noqa: PLR2004 - those of HTTP
        if not is_number and not (isinstance(each, str) and _STATUS.fullmatch(each)):
            raise ValueError(f"{each!r} is no status such as 404, and no class of them such as 5xx")
    return value


_STATUS_SCHEMA = {
    "type": "array",
    "items": {
        "anyOf": [
            {"type": "integer", "minimum": 100, "maximum": 599},
            {"type": "string", "pattern": "^[1-5]xx$"},
        ]
    },
}
_COOKIE_SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "value": {"type": "string"},
        "path": {"type": "string"},
        "same_site": {"enum": sorted(_SAME_SITE)},
        **{flag: {"type": "boolean"} for flag in _FLAGS},
    },
    "required": ["name", "value"],
    "additionalProperties": False,
}

Cookies = Annotated[
    list[dict[str, Any]],
    BeforeValidator(_cookies),
    WithJsonSchema({"type": "array", "maxItems": MAX_COOKIES, "items": _COOKIE_SCHEMA}),
]
Headers = Annotated[
    dict[str, str],
    BeforeValidator(_headers),
    WithJsonSchema(
        {
            "type": "object",
            "maxProperties": MAX_HEADERS,
            "additionalProperties": {"type": "string", "maxLength": MAX_VALUE},
        }
    ),
]
UserAgent = Annotated[str, BeforeValidator(_user_agent)]
Statuses = Annotated[list[int | str], BeforeValidator(_statuses), WithJsonSchema(_STATUS_SCHEMA)]


class NetworkOptions(OptionGroup):
    """The network of a document. Where it may go is a setting: `render.allow_hosts`."""

    network: bool = False
    """Let the document load what it refers to from allowed hosts; a `url` always does."""
    cookies: Cookies = Field(default=[])
    """Sent to the host of `url` only."""
    extra_headers: Headers = Field(default={})
    """Sent to the origin of `url` only, whatever the page loads from elsewhere."""
    user_agent: UserAgent | None = None
    """What every request says instead of Chromium's own name."""
    fail_on_http_status: Statuses = Field(default=["4xx", "5xx"])
    """Answers to `url` itself that fail the job."""
    fail_on_resource_http_status: Statuses = Field(default=[])
    """Answers to anything that the document loads that fail the job."""


def matches_status(status: int, statuses: Sequence[int | str]) -> bool:
    """Whether a status is one of those, e.g. of `[404, '5xx']`."""
    return status in statuses or f"{status // 100}xx" in statuses
