"""Markdown to HTML: CommonMark with tables, and nothing in it that could do harm."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

MAX_TEXT = 2 * 1024 * 1024
"""Characters of a text: more would be thousands of pages."""

CONTENTS = re.compile(r"<p>\[(?:TOC|toc)\]</p>\n?")
"""A paragraph that is only `[TOC]`: there the table of contents goes."""

_CONTENTS_LEVELS = ("h1", "h2", "h3")

_parser = MarkdownIt("commonmark", {"html": False, "typographer": False}).enable(
    ["table", "strikethrough"]
)


class Parsed:
    """A text in Markdown, as HTML.

    HTML in the text stays text, and links lead to http, https, mailto or into the document only.

    Attributes:
        html: what stands in the body.
        title: the text of its first heading; empty: it has none.
        headings: level (`h1` to `h6`), id and text of each heading.
    """

    def __init__(self, text: str) -> None:
        if len(text) > MAX_TEXT:
            raise ValueError(f"a text in Markdown may have {MAX_TEXT} characters, not {len(text)}")
        tokens = _parser.parse(text)
        self.headings = list(_name_headings(tokens))
        self.html = str(_parser.renderer.render(tokens, _parser.options, {}))
        self.title = next((title for _, _, title in self.headings), "")

    def with_contents(self) -> str:
        """The HTML, with a table of contents where the text has `[TOC]` on a line of its own."""
        if not CONTENTS.search(self.html):
            return self.html
        lines = "".join(
            f'<li class="{level}"><a href="#{anchor}">{escape(title)}</a>{page_of(anchor)}</li>'
            for level, anchor, title in self.headings
            if level in _CONTENTS_LEVELS
        )
        return CONTENTS.sub(lambda _: f'<nav class="contents"><ul>{lines}</ul></nav>', self.html)


def page_of(anchor: Any) -> Markup:
    """The number of the page on which the element with this id begins.

    It is known only once the document has been laid out, so a document with such numbers is
    printed twice, see page_numbers.py.
    """
    name = str(anchor)
    if not re.fullmatch(r"[\w.:-]{1,200}", name):
        raise ValueError(f"{name!r:.60} is no id of an element: letters, digits, . : _ and -")
    return Markup('<a class="page-of" href="#{0}" data-page-of="{0}">000</a>').format(name)


def markdown(text: Any) -> Markup:
    """A text in Markdown, for templates."""
    return Markup(Parsed(str(text)).html)  # noqa: S704 - HTML in the text was escaped


def _name_headings(tokens: list[Token]) -> Iterator[tuple[str, str, str]]:
    used: set[str] = set()
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            title = _text(tokens[at + 1])
            anchor = _unused(_slug(title), used)
            token.attrSet("id", anchor)
            yield token.tag, anchor, title


def _text(token: Token) -> str:
    parts = (each.content for each in token.children or () if each.type in {"text", "code_inline"})
    return "".join(parts).strip()


def _slug(title: str) -> str:
    return re.sub(r"[^\w]+", "-", title.lower()).strip("-")[:80] or "section"


def _unused(slug: str, used: set[str]) -> str:
    number = 1
    name = slug
    while name in used:
        number += 1
        name = f"{slug}-{number}"
    used.add(name)
    return name


FILTERS: dict[str, Callable[..., Any]] = {"markdown": markdown}
