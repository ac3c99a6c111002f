"""How a document is laid out on paper."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field
from typing_extensions import override

from jobqueue.render.options.base import OptionGroup, Problem
from jobqueue.render.options.fields import Band, Format, Length, Ranges, Side
from jobqueue.render.paper import DEFAULT_FORMAT, FORMATS, MIN_CONTENT, show_mm


class PaperOptions(OptionGroup):
    """The paper, its margins, and what is in them."""

    format: Format | None = None
    """Paper by name; A4 unless `paper_width` and `paper_height` are given."""
    paper_width: Side | None = None
    paper_height: Side | None = None
    landscape: bool = False
    margin_top: Length = 18 / 25.4
    margin_right: Length = 18 / 25.4
    margin_bottom: Length = 20 / 25.4
    margin_left: Length = 18 / 25.4
    scale: float = Field(1.0, ge=0.1, le=2.0)
    page_ranges: Ranges | None = None
    """Pages to keep, e.g. `1-3, 5, 8-`; all when not given."""
    prefer_css_page_size: bool = False
    """Let the document's own `@page { size: … }` choose the paper."""
    print_background: bool = True
    header_html: Band | None = None
    footer_html: Band | None = None

    @property
    def paper(self) -> tuple[float, float]:
        """Width and height of the sheet in inches, as it is printed."""
        if self.paper_width is not None and self.paper_height is not None:
            width, height = self.paper_width, self.paper_height
        else:
            width, height = FORMATS[self.format or DEFAULT_FORMAT]
        return (height, width) if self.landscape else (width, height)

    @property
    def content(self) -> tuple[float, float]:
        """Width and height that the margins leave, in inches."""
        width, height = self.paper
        return (
            width - self.margin_left - self.margin_right,
            height - self.margin_top - self.margin_bottom,
        )

    @classmethod
    @override
    def wrong_given(cls, given: Mapping[str, Any]) -> Iterator[Problem]:
        yield from super().wrong_given(given)
        sides = [name for name in ("paper_width", "paper_height") if name in given]
        if sides and "format" in given:
            yield "format", "must not be combined with paper_width and paper_height"
        if len(sides) == 1:
            missing = "paper_height" if sides == ["paper_width"] else "paper_width"
            yield missing, f"is required together with {sides[0]}"

    @override
    def wrong_together(self) -> Iterator[Problem]:
        yield from super().wrong_together()
        if self.prefer_css_page_size:
            return  # the paper is known only when the document is laid out
        sides = zip(self.paper, self.content, (("left", "right"), ("top", "bottom")), strict=True)
        for side, room, (near, far) in sides:
            if room < MIN_CONTENT:
                near_margin = getattr(self, f"margin_{near}")
                far_margin = getattr(self, f"margin_{far}")
                largest = near if near_margin >= far_margin else far
                message = (
                    f"leaves no room: {near} {show_mm(near_margin)} and {far} {show_mm(far_margin)}"
                    f" of {show_mm(side)} paper; at least {show_mm(MIN_CONTENT)} must remain"
                )
                yield f"margin_{largest}", message
