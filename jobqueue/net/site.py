"""The files of one job, served to its page under an origin that only that page can reach."""

import secrets
from collections.abc import Mapping
from unicodedata import normalize
from urllib.parse import unquote_to_bytes

import msgspec

from jobqueue.net.messages import answer_head

INDEX = "index.html"
"""The file that is the document."""

_DOMAIN = "job.invalid"
"""No name below `.invalid` is ever resolved (RFC 2606): only the proxy answers to it."""

_METHODS = ("GET", "HEAD")


class SiteFile(msgspec.Struct, frozen=True):
    """One file."""

    content: bytes
    content_type: str


class Site:
    """Files by their paths, relative to the origin and without a slash at the beginning.

    Attributes:
        host: random, so that no other page can name it.
    """

    def __init__(self, files: Mapping[str, SiteFile]) -> None:
        self.host = f"{secrets.token_hex(16)}.{_DOMAIN}"
        self._files = files

    @property
    def url(self) -> str:
        """Where the document is."""
        return f"http://{self.host}/"

    def find(self, path: str) -> SiteFile | None:
        """The file at the path of a URL; its query is ignored."""
        try:
            name = unquote_to_bytes(path.partition("?")[0]).decode()
        except UnicodeDecodeError:
            return None
        return self._files.get(normalize("NFC", name).removeprefix("/") or INDEX)

    def answer(self, method: str, path: str) -> tuple[bytes, bool]:
        """The whole answer to a request, and whether there is such a file."""
        if method not in _METHODS:
            return answer_head("405 Method Not Allowed", [("Content-Length", "0")]), False
        file = self.find(path)
        if file is None:
            return answer_head("404 Not Found", [("Content-Length", "0")]), False
        head = answer_head(
            "200 OK",
            [
                ("Content-Type", file.content_type),
                ("Content-Length", str(len(file.content))),
                ("Cache-Control", "no-store"),
                ("X-Content-Type-Options", "nosniff"),
                ("Referrer-Policy", "no-referrer"),  # its name is nobody else's business
            ],
        )
        return (head if method == "HEAD" else head + file.content), True
