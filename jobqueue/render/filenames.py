"""Names for documents: safe on every file system and in a Content-Disposition header."""

import html
import re
import unicodedata

MAX_BYTES = 200
"""Longest name in UTF-8; file systems take 255, and a browser may add ` (12)`."""

SUFFIX = ".pdf"

_HEAD = 16 * 1024
"""Where a document's title is looked for, in characters."""

_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f\x7f]')
_TITLE = re.compile(r"<title[^>]*>([^<]{1,1000})</title", re.IGNORECASE)
_INVISIBLE = frozenset({"Cf", "Cs", "Co", "Cn"})
"""Unicode categories that hide or reorder a name's text, or are no text at all."""


def safe_filename(name: str) -> str | None:
    """`name` without folders and forbidden characters, ending in .pdf; None if nothing is left."""
    base = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    base = "".join(c for c in base if unicodedata.category(c) not in _INVISIBLE)
    base = re.sub(r"\s+", " ", _FORBIDDEN.sub("_", base))
    if base.lower().endswith(SUFFIX):
        base = base[: -len(SUFFIX)]
    base = base.strip(" .").encode()[: MAX_BYTES - len(SUFFIX)].decode(errors="ignore").rstrip(" .")
    return base + SUFFIX if base.strip("_ ") else None


def filename_for(name: str, output: str) -> str:
    """A safe name with the suffix of what was made instead of .pdf.

    Args:
        name: as `safe_filename` gives it.
        output: the suffix without its dot.
    """
    if output == SUFFIX[1:]:
        return name
    base = name.removesuffix(SUFFIX)
    suffixes = (".jpeg", ".jpg") if output == "jpeg" else (f".{output}",)
    return base if base.lower().endswith(suffixes) else f"{base}.{output}"


def title_of(document: str) -> str:
    """The document's `<title>`; empty when it has none near its beginning."""
    match = _TITLE.search(document[:_HEAD])
    return html.unescape(match[1]) if match else ""


def filename_of_title(title: str) -> str | None:
    """A name made of a title; None when it does not serve."""
    return safe_filename(title.replace("/", "-").replace("\\", "-"))
