"""The files of a template: which there may be, and what is wrong with those that are not."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from jsonschema import Draft202012Validator, SchemaError

from jobqueue.errors import FieldError, InvalidRequest
from jobqueue.schema_errors import pointer

TEMPLATE = "template.html"
SCHEMA = "schema.json"
SAMPLE = "sample.json"

SHARED = "shared/"
"""Where templates find the shipped parts; their own files cannot be there."""

MAX_FILES = 100
"""Files of a template: parts, pictures, fonts."""

MAX_BYTES = 8 * 1024 * 1024
"""Bytes of all files of a template: a few pictures and fonts. All of it goes to a process for
each document."""

MAX_TEXT = 1024 * 1024
"""Bytes of a file that Jinja or JSON reads."""

MEDIA_TYPES = {
    ".css": "text/css",
    ".gif": "image/gif",
    ".html": "text/html",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".otf": "font/otf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".txt": "text/plain",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}
"""Kinds of files that a template may have."""

TEXTS = (".css", ".html", ".json", ".svg", ".txt")
"""Suffixes of the files that must be text in UTF-8."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}(?:/[A-Za-z0-9_][A-Za-z0-9._-]{0,99}){0,4}")


class TemplateFiles(msgspec.Struct, frozen=True):
    """The checked files of one version of a template.

    Attributes:
        name: of the template.
        version: of a stored one, from 1; 0 for those on disk.
        files: their contents by their names, `template.html` among them.
    """

    name: str
    version: int
    files: dict[str, bytes]

    @property
    def label(self) -> str:
        """What it is called in a job and in messages."""
        return f"{self.name}@{self.version}" if self.version else self.name

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(map(len, self.files.values()))

    @property
    def schema(self) -> bytes | None:
        """The JSON Schema of its data, if it has one."""
        return self.files.get(SCHEMA)

    def sample(self) -> dict[str, Any]:
        """Data that it can be tried with; empty when it has none."""
        content: dict[str, Any] = json.loads(self.files.get(SAMPLE, b"{}"))
        return content


def check_files(files: Mapping[str, bytes], *, at: str = "/files") -> None:
    """Check that these files may be a template; what is in `template.html` is for others.

    Args:
        files: contents by name.
        at: JSON pointer of the files in the request.

    Raises:
        InvalidRequest: names every file that is wrong.
    """
    errors = [FieldError(at + pointer(name), why) for name, why in _problems(files)]
    if TEMPLATE not in files:
        errors.append(FieldError(at + pointer(TEMPLATE), "is required"))
    size = sum(map(len, files.values()))
    if size > MAX_BYTES:
        errors.append(FieldError(at, f"have {size} bytes together, at most {MAX_BYTES} may be"))
    if len(files) > MAX_FILES:
        errors.append(FieldError(at, f"are {len(files)}, at most {MAX_FILES} may be"))
    if errors:
        raise InvalidRequest("the template has wrong files", tuple(errors))


def read_folder(folder: Path) -> dict[str, bytes]:
    """The files of a template on disk, by name; links are not followed out of it."""
    root = folder.resolve()
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.resolve().is_relative_to(root)
    }


def _problems(files: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    for name, content in files.items():
        suffix = "." + name.rpartition(".")[2].lower()
        if not _NAME.fullmatch(name):
            yield name, "is no name: use letters, digits, ., _ and -, in folders at most 4 deep"
        elif name.startswith(SHARED):
            yield name, f"cannot be in {SHARED}: that is where the shipped parts are"
        elif suffix not in MEDIA_TYPES:
            yield name, f"must end in one of {', '.join(MEDIA_TYPES)}"
        elif why := _wrong_text(suffix, content) or _wrong_json(name, content):
            yield name, why


def _wrong_text(suffix: str, content: bytes) -> str | None:
    if suffix not in TEXTS:
        return None
    if len(content) > MAX_TEXT:
        return f"has {len(content)} bytes, a text may have {MAX_TEXT}"
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return f"must be text in UTF-8: {error.reason} at byte {error.start}"
    return None


def _wrong_json(name: str, content: bytes) -> str | None:
    if name not in {SCHEMA, SAMPLE}:
        return None
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        return f"is no JSON: {error}"
    if not isinstance(value, dict):
        return "must be a JSON object"
    if name == SCHEMA:
        try:
            Draft202012Validator.check_schema(value)
        except SchemaError as error:
            return f"is no JSON Schema: {error.json_path}: {error.message[:300]}"
        except RecursionError:
            return "is nested too deep"
    return None
