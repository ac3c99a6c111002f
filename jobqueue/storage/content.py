"""What is said about content: its type by suffix, and the name that a download gets."""

import re
import unicodedata
from pathlib import PurePosixPath
from urllib.parse import quote

UNKNOWN_TYPE = "application/octet-stream"

# Our own table: the one of Python's mimetypes depends on the machine and the version.
_TYPES = {
    ".csv": "text/csv",
    ".gif": "image/gif",
    ".html": "text/html",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".webp": "image/webp",
    ".zip": "application/zip",
}


def type_of_suffix(key: str) -> str:
    """The content type that the suffix of `key` stands for."""
    return _TYPES.get(PurePosixPath(key).suffix.lower(), UNKNOWN_TYPE)


def content_disposition(filename: str) -> str:
    """The header value that makes a browser save a document as `filename`.

    RFC 6266: an ASCII name for old clients, the exact one in UTF-8 (RFC 8187).
    Folders, control characters and quotes are left out of the ASCII name.
    """
    name = re.sub(r"[\x00-\x1f\x7f]", "", filename).replace("\\", "/").rpartition("/")[2]
    name = name.strip() or "document"
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = plain.replace('"', "").replace("%", "").strip() or "document"
    value = f'attachment; filename="{plain}"'
    return value if plain == name else f"{value}; filename*=UTF-8''{quote(name, safe='')}"
