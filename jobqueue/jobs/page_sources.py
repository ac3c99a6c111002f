"""Sources of a report that are loaded as pages: a URL, or a bundle of files."""

import base64
import binascii
import re
from typing import Any

import msgspec

from jobqueue.errors import FieldError
from jobqueue.jobs.bundle import BundleFiles, InvalidBundle
from jobqueue.jobs.bundle_uploads import bundle_of
from jobqueue.net.site import SiteFile
from jobqueue.net.vetting import Vetting
from jobqueue.render.options.network import NetworkOptions
from jobqueue.schema_errors import pointer

MAX_URL = 2000
"""Characters of a URL: what every server and proxy takes."""

_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?:[/?#][!-~]*)?"
)
_PORTS = {"http": 80, "https": 443}
_NO_URL = (
    "must be a URL such as https://example.com/report, without a login, in ASCII"
    f" (xn--… for other names) and of at most {MAX_URL} characters"
)
_NO_BUNDLE = 'must be {"files": {"index.html": …}} or {"key": …} of an uploaded one'
_NO_FILE = 'must be a text, or {"base64": …}'

Found = tuple[Any, list[FieldError]]
"""A source or None, and what is wrong."""


class UrlSource(msgspec.Struct, frozen=True):
    """A page of a host that is allowed."""

    url: str


class BundleSource(msgspec.Struct, frozen=True):
    """The files of a document, one of which is `index.html`."""

    files: dict[str, SiteFile]


class StoredBundle(msgspec.Struct, frozen=True):
    """The key of files that were uploaded before."""

    key: str


PageSource = UrlSource | BundleSource | StoredBundle


def place_of(url: str) -> tuple[str, int]:
    """Host and port of a URL.

    Raises:
        ValueError: it is none that can be asked for.
    """
    match = _URL.fullmatch(url)
    if match is None or len(url) > MAX_URL:
        raise ValueError(_NO_URL)
    return match["host"], int(match["port"] or _PORTS[match["scheme"]])


def read_url(fields: dict[str, Any], vetting: Vetting) -> Found:
    """The source in the field `url`; its host must be allowed."""
    url = fields["url"]
    try:
        host, port = place_of(url if isinstance(url, str) else "")
    except ValueError as error:
        return None, [FieldError("/url", str(error))]
    reason = vetting.why_refused(host, port)
    if reason is not None:
        return None, [FieldError("/url", f"is not allowed: {reason}")]
    return UrlSource(url), []


def read_bundle_field(fields: dict[str, Any]) -> Found:
    """The source in the field `bundle`."""
    bundle = fields["bundle"]
    if isinstance(bundle, dict) and bundle.keys() == {"key"}:
        return _stored(bundle["key"])
    if isinstance(bundle, dict) and bundle.keys() == {"files"}:
        return _inline(bundle["files"])
    return None, [FieldError("/bundle", _NO_BUNDLE)]


def _stored(key: object) -> Found:
    if not isinstance(key, str) or bundle_of(key) is None:
        message = "must be the key that the upload of a bundle was answered with"
        return None, [FieldError("/bundle/key", message)]
    return StoredBundle(key), []


def _inline(files: object) -> Found:
    at = "/bundle/files"
    if not isinstance(files, dict):
        return None, [FieldError(at, "must be an object of files by their paths")]
    found, errors = BundleFiles(), []
    for path, file in files.items():
        try:
            found.add(path, _content(file))
        except (InvalidBundle, ValueError) as error:
            errors.append(FieldError(at + pointer(path), str(error)))
    try:
        return (None, errors) if errors else (BundleSource(found.finish()), [])
    except InvalidBundle as error:
        return None, [FieldError(at, str(error))]


def _content(file: object) -> bytes:
    if isinstance(file, dict) and file.keys() == {"base64"} and isinstance(file["base64"], str):
        try:
            return base64.b64decode(file["base64"], validate=True)
        except binascii.Error as error:
            raise ValueError(f"is no base64: {error}") from None
    if not isinstance(file, str):
        raise ValueError(_NO_FILE)  # noqa: TRY004 - one of several things that can be wrong
    return file.encode()


def wrong_options(source: object, options: NetworkOptions, vetting: Vetting) -> list[FieldError]:
    """What is wrong with options of the network together with a source."""
    wrong = [
        FieldError(f"/options/{name}", "belongs to a url, nothing else gets it")
        for name in ("cookies", "extra_headers")
        if getattr(options, name) and not isinstance(source, UrlSource)
    ]
    if options.network and vetting.allows_nothing:
        message = "there is no network here: render.allow_hosts is empty"
        wrong.append(FieldError("/options/network", message))
    return wrong


PAGE_SCHEMAS: dict[str, Any] = {
    "url": {
        "type": "string",
        "maxLength": MAX_URL,
        "pattern": "^https?://",
        "description": "a page of a host in render.allow_hosts",
    },
    "bundle": {
        "description": "a document with its files",
        "oneOf": [
            {
                "type": "object",
                "properties": {
                    "files": {
                        "type": "object",
                        "required": ["index.html"],
                        "additionalProperties": {
                            "anyOf": [
                                {"type": "string"},
                                {
                                    "type": "object",
                                    "properties": {"base64": {"type": "string"}},
                                    "required": ["base64"],
                                    "additionalProperties": False,
                                },
                            ]
                        },
                    }
                },
                "required": ["files"],
                "additionalProperties": False,
            },
            {
                "type": "object",
                "properties": {"key": {"type": "string"}},
                "required": ["key"],
                "additionalProperties": False,
            },
        ],
    },
}
"""The JSON Schemas of the fields."""
