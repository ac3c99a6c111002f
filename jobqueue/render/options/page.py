"""The page that a document is loaded into: its scripts, its screen, and what it believes."""

import math
import re
import zoneinfo
from collections.abc import Iterator
from functools import cache
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field
from typing_extensions import override

from jobqueue.render.options.base import OptionGroup, Problem, is_given

MAX_VIEWPORT = 16_384
"""Pixels of a side: Chromium draws no larger surface."""

MAX_PIXELS = 64_000_000
"""Pixels of a viewport or an image: 256 MB each time that Chromium holds them."""

_LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|\d{3}))?")


@cache
def _timezones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def _timezone(value: object) -> object:
    if not isinstance(value, str) or value not in _timezones():
        raise ValueError("must be the name of an IANA time zone, such as 'Europe/Berlin'")
    return value


def _locale(value: object) -> object:
    if not isinstance(value, str) or not _LOCALE.fullmatch(value):
        raise ValueError("must be a language with or without a region, such as 'de' or 'pt-BR'")
    return value


Timezone = Annotated[str, BeforeValidator(_timezone)]
Locale = Annotated[str, BeforeValidator(_locale)]


class PageOptions(OptionGroup):
    """How the page is set up before the document comes into it."""

    javascript: bool = False
    """Run the document's scripts."""
    media: Literal["print", "screen"] | None = None
    """The styles that apply; `print` for PDFs and `screen` for others unless given."""
    color_scheme: Literal["light", "dark"] = "light"
    timezone: Timezone | None = None
    """What scripts take for the local time; UTC or the server's unless given."""
    locale: Locale | None = None
    """The language that scripts format by; English unless given."""
    viewport_width: int | None = Field(None, ge=1, le=MAX_VIEWPORT)
    """CSS pixels; of a PDF what its margins leave, of an image 1280, unless given."""
    viewport_height: int | None = Field(None, ge=1, le=MAX_VIEWPORT)
    """CSS pixels; of a PDF what its margins leave, of an image 720, unless given."""
    device_scale: float = Field(1.0, ge=0.1, le=4.0)
    """Device pixels in a CSS pixel: 2 gives images twice as wide and high."""

    _FOR_SCRIPTS: ClassVar[tuple[str, ...]] = ("timezone", "locale")

    @override
    def wrong_together(self) -> Iterator[Problem]:
        yield from super().wrong_together()
        yield from needs_javascript(self, self._FOR_SCRIPTS)
        sides = (self.viewport_width or 1, self.viewport_height or 1)
        if math.prod(side * self.device_scale for side in sides) > MAX_PIXELS:
            yield "viewport_width", f"makes more than {MAX_PIXELS} pixels with height and scale"


def needs_javascript(options: PageOptions, names: tuple[str, ...]) -> Iterator[Problem]:
    """What is wrong with options that only scripts can notice or fulfil."""
    for name in names:
        if not options.javascript and is_given(getattr(options, name)):
            yield name, "needs javascript: set it to true"
