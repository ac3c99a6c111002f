"""A bundle: an HTML document with its styles, images and fonts, by their relative paths."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from unicodedata import category, normalize

from jobqueue.net.site import INDEX, SiteFile

MIB = 1024 * 1024

MAX_FILES = 1000
MAX_SIZE = 64 * MIB
"""Bytes of all files together: a report with photographs has 20 MiB, and all is held in memory."""

MAX_PATH = 240
"""Bytes of a path in UTF-8."""

BUNDLE_INVALID = "bundle_invalid"

_TYPES = {
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".css": "text/css; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".gif": "image/gif",
    ".htm": "text/html; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".otf": "font/otf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".txt": "text/plain; charset=utf-8",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xhtml": "application/xhtml+xml",
    ".xml": "application/xml",
}
_UNKNOWN_TYPE = "application/octet-stream"
_DRIVE = ":"
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


class InvalidBundle(Exception):
    """The bundle is refused; says which file is wrong and why.

    Attributes:
        path: the file; None when it is the whole.
    """

    def __init__(self, message: str, path: str | None = None) -> None:
        super().__init__(message if path is None else f"{_shown(path)}: {message}")
        self.path = path


class BundleFiles:
    """The files of a bundle, checked one by one as they come.

    Attributes:
        room: bytes that may still be added.
    """

    def __init__(self) -> None:
        self.room = MAX_SIZE
        self._files: dict[str, SiteFile] = {}
        self._taken: dict[str, str] = {}
        self._folders: dict[str, str] = {}

    def add(self, path: str, content: bytes) -> None:
        """Add a file.

        Raises:
            InvalidBundle: its path is not one, or there is such a file already, or it is too much.
        """
        name = check_path(path)
        folded = name.casefold()
        if folded in self._taken or folded in self._folders:
            other = self._taken.get(folded) or self._folders[folded]
            raise InvalidBundle(f"is there twice, also as {_shown(other)}", path)
        for folder in _folders_above(folded):
            if folder in self._taken:
                raise InvalidBundle(f"{_shown(self._taken[folder])} is a file, no folder", path)
            self._folders[folder] = name
        if len(self._files) == MAX_FILES:
            raise InvalidBundle(f"there are more than {MAX_FILES} files")
        self.room -= len(content)
        if self.room < 0:
            raise too_large()
        self._taken[folded] = name
        self._files[name] = SiteFile(content, type_of(name))

    def finish(self) -> dict[str, SiteFile]:
        """All files.

        Raises:
            InvalidBundle: none of them is the document.
        """
        if INDEX not in self._files:
            raise InvalidBundle(f"there is no {INDEX} at the top of the bundle")
        return self._files


def check_path(path: str) -> str:
    """The path of a file in its one spelling.

    Raises:
        InvalidBundle: it does not stay inside the bundle, or is written oddly.
    """
    name = normalize("NFC", path)
    if any(category(character) in _UNPRINTABLE for character in name):
        raise InvalidBundle("the path has characters that cannot be seen, or is not UTF-8", path)
    if len(name.encode()) > MAX_PATH:
        raise InvalidBundle(f"the path has more than {MAX_PATH} bytes", path)
    if name.startswith("/") or "\\" in name or _DRIVE in name:
        raise InvalidBundle("the path must be relative, with / between folders", path)
    if any(part in {"", ".", ".."} for part in name.split("/")):
        raise InvalidBundle("the path must not have parts that are empty, . or ..", path)
    return name


def type_of(path: str) -> str:
    """The content type that the suffix of a path stands for."""
    return _TYPES.get(PurePosixPath(path).suffix.lower(), _UNKNOWN_TYPE)


def too_large() -> InvalidBundle:
    """What to raise when there are too many bytes."""
    return InvalidBundle(f"the files have more than {MAX_SIZE // MIB} MiB together")


def _folders_above(path: str) -> Iterator[str]:
    parts = path.split("/")
    for count in range(1, len(parts)):
        yield "/".join(parts[:count])


def _shown(path: str) -> str:
    return repr(path if len(path) <= MAX_PATH else f"{path[:MAX_PATH]}…")
