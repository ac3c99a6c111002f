"""What of a document is not in its PDF, told to whoever asked for it.

Also says which documents leave traces in the page that rendered them. Both look at
the text only and may take a comment for an element: a warning or a cleaning too
many, never one too few.
"""

import html as html_text
import re
from collections.abc import Iterable, Iterator

MAX_WARNINGS = 20
"""Warnings kept with a result; more of them say nothing new."""

_MAX_ADDRESS = 120
_MAX_DATA = 40

_SCRIPT = re.compile(
    r"<script\b(?![^>]*\btype\s*=\s*[\"']?application/(?:ld\+)?json)", re.IGNORECASE
)
_HANDLER = re.compile(r"[\s\"'/]on[a-z]+\s*=", re.IGNORECASE)
_LATER = re.compile(
    r"animat|async|await|bitmap|channel|eval|event|fetch|function\s*\(\s*[\"'`]|idle|import|interval"
    r"|message|module|observer|promise|reader|request|scheduler|socket|src|then\b|timeout|toblob"
    r"|transition|wasm|webassembly|worker|(?:window|self|globalthis|this)\s*\[",
    re.IGNORECASE,
)
_DECODED = re.compile(r"font-?face|img|image|svg|canvas|picture|video", re.IGNORECASE)
_FRAME = re.compile(r"<(iframe|object|embed|frame|audio|video)\b", re.IGNORECASE)
_STYLESHEET = re.compile(r"<link\b(?=[^>]*\brel\s*=\s*[\"']?stylesheet)[^>]*", re.IGNORECASE)
_HREF = re.compile(r"\bhref\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+))", re.IGNORECASE)
_ABSOLUTE = re.compile(r"(?:[a-z][a-z0-9+.-]*:|//|#)", re.IGNORECASE)
_IMAGE = re.compile(r"<(?:img|image|picture)\b", re.IGNORECASE)

_STATEFUL = re.compile(
    r"<(?:base|link|i?frame|object|embed|audio|video|applet|portal)", re.IGNORECASE
)
_META = re.compile(r"<meta\b[^>]*", re.IGNORECASE)
_HARMLESS_META = re.compile(
    r"<meta\s+(?:charset\s*=\s*(?:\"[\w-]+\"|'[\w-]+'|[\w-]+)"
    r"|name\s*=\s*(?P<quote>[\"']?)(?:viewport|author|description|keywords|generator|robots)"
    r"(?P=quote)\s+content\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'=<>`]+))\s*/?\s*",
    re.IGNORECASE,
)


_NOTABLE = (
    "<applet",
    "<audio",
    "<base",
    "<embed",
    "<feimage",
    "<frame",
    "<iframe",
    "<image",
    "<img",
    "<input",
    "<link",
    "<object",
    "<picture",
    "<portal",
    "<script",
    "<use",
    "<video",
    "@import",
    "image-set(",
    "src(",
    "url(",
)
_BACKGROUND = re.compile(r"background\s*=")
_LETTER = re.compile(r"\\(?:0{0,4}[4-7][\da-f](?![\da-f])|[g-z])", re.IGNORECASE)

_META_CHARSET = '<meta charset="utf-8">'


def may_go_on(html: str) -> bool:
    """Whether scripts of a document may still change it after its load event.

    That takes a handler, or something that is called later, by its name: who hides the name says
    in `wait_expression` or `wait_selector` what there is to wait for.
    """
    if _HANDLER.search(html) is not None:
        return True
    return "<script" in html.lower() and _LATER.search(html) is not None


def may_decode(html: str) -> bool:
    """Whether fonts or images, also those that a script makes, may be decoded after the load."""
    return _DECODED.search(html) is not None


def brings_fonts(html: str) -> bool:
    """Whether fonts may be missing when everything else of a document is there."""
    return "font-face" in html.lower()


def is_plain(html: str) -> bool:
    """Whether a document refers to nothing and leaves nothing behind.

    It is complete as soon as it is parsed, and the functions below find nothing in it;
    this look is ten times faster than theirs.
    """
    lowered = html.lower()
    if lowered.count("<meta") != lowered.count(_META_CHARSET):
        return False
    if any(mark in lowered for mark in _NOTABLE) or _BACKGROUND.search(lowered):
        return False
    return not spells_letters(lowered)


def spells_letters(html: str) -> bool:
    """Whether escapes of CSS spell letters, and so may hide what a search looks for."""
    return "\\" in html and _LETTER.search(html) is not None


def leaves_traces(html: str) -> bool:
    """Whether the page must be cleaned before another document is put into it.

    The page keeps its Document, and with it what a `<meta>` or `<base>`
    has set: content security policy, language, colour scheme, base address,
    refresh. Frames and linked resources may still be loading. Tag names cannot be
    written in another way, so that a search of the text finds all of them.
    """
    if _STATEFUL.search(html):
        return True
    return any(not _HARMLESS_META.fullmatch(tag[0]) for tag in _META.finditer(html))


def shows_images(html: str) -> bool:
    """Whether there can be images that did not load."""
    return _IMAGE.search(html) is not None


def list_omissions(
    html: str, *, failed: Iterable[str], broken_images: Iterable[str]
) -> tuple[str, ...]:
    """Warnings about everything that was left out, most telling first.

    Args:
        html: the document.
        failed: addresses that the page asked for and did not get.
        broken_images: addresses of images that show nothing.
    """
    return _bounded(_omissions(html, failed, broken_images))


def list_losses(failed: Iterable[str], exceptions: Iterable[str]) -> tuple[str, ...]:
    """Warnings about what a document with scripts did not get, and what of it failed.

    Args:
        failed: addresses that the page asked for and did not get.
        exceptions: errors that its scripts did not catch.
    """
    errors = [f"script failed: {error}" for error in exceptions]
    return _bounded([*errors, *(f"not loaded: {shorten(address)}" for address in failed)])


def _bounded(warnings: Iterable[str]) -> tuple[str, ...]:
    found = list(dict.fromkeys(warnings))
    if len(found) > MAX_WARNINGS:
        rest = len(found) - MAX_WARNINGS + 1
        found[MAX_WARNINGS - 1 :] = [f"and {rest} more"]
    return tuple(found)


def _omissions(html: str, failed: Iterable[str], broken_images: Iterable[str]) -> Iterator[str]:
    scripts = len(_SCRIPT.findall(html))
    if scripts:
        yield f"scripts not run: {scripts} (documents are rendered without JavaScript)"
    own_text = html_text.unescape(html)
    failed = list(failed)
    # An address that is not in the document may come from the one before it.
    own = [address for address in failed if address in own_text or address[:-1] in own_text]
    for address in own:
        yield f"not loaded, documents have no network: {shorten(address)}"
    if len(own) < len(failed):
        yield f"not loaded, documents have no network: {len(failed) - len(own)} other addresses"
    for address in broken_images:
        if address not in failed:
            yield f"image not shown: {shorten(address)} ({_how_to_show(address)})"
    for address in _relative_stylesheets(html):
        yield f"stylesheet not loaded: {shorten(address)} (put styles into the document)"
    for tag in sorted({match.lower() for match in _FRAME.findall(html)}):
        yield f"content of <{tag}> elements is not loaded"


def _how_to_show(address: str) -> str:
    if address.startswith("data:"):
        return "its data is damaged, or it is too large"
    return "embed images as data: addresses"


def _relative_stylesheets(html: str) -> Iterator[str]:
    for tag in _STYLESHEET.finditer(html):
        href = _HREF.search(tag[0])
        address = html_text.unescape(next(filter(None, href.groups()), "")) if href else ""
        if address and not _ABSOLUTE.match(address):
            yield address


def shorten(address: str) -> str:
    """An address as it fits into a warning."""
    limit = _MAX_DATA if address.startswith("data:") else _MAX_ADDRESS
    return address if len(address) <= limit else f"{address[: limit - 1]}…"
