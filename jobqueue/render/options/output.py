"""What is made of a document: a PDF, an image of the page, or its HTML."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field
from typing_extensions import override

from jobqueue.render.options.base import Problem, is_given
from jobqueue.render.options.paper import PaperOptions
from jobqueue.render.options.waiting import Selector, WaitingOptions

Output = Literal["pdf", "png", "jpeg", "webp", "html"]

IMAGES = frozenset({"png", "jpeg", "webp"})

CONTENT_TYPES: dict[Output, str] = {
    "pdf": "application/pdf",
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "html": "text/html; charset=utf-8",
}

DEFAULT_VIEWPORT = (1280, 720)
"""CSS pixels of a page that is not laid out for paper: a small laptop's window."""

_CSS_PIXELS = 96
"""In an inch."""


class OutputOptions(WaitingOptions, PaperOptions):
    """The kind of file, and what of the page is in it."""

    output: Output = "pdf"
    quality: int | None = Field(None, ge=0, le=100)
    """Of a jpeg or webp, as Chromium counts it; 80 unless given."""
    full_page: bool = False
    """Draw the whole page instead of what the viewport shows."""
    selector: Selector | None = None
    """Draw only the first element of this CSS selector."""
    omit_background: bool = False
    """Leave transparent what the page leaves uncoloured; png and webp."""
    single_page: bool = False
    """Print on one sheet as long as the document, up to 200 inches."""

    @property
    def shown_media(self) -> str:
        """The media whose styles apply."""
        return self.media or ("print" if self.output == "pdf" else "screen")

    @property
    def viewport(self) -> tuple[int, int]:
        """Width and height of the page in CSS pixels; of a PDF that of its paper's content.

        So scripts that measure what is there, as most charts do, find the room that they get.
        """
        if self.output == "pdf":
            inches = (max(side, 0.0) for side in self.content)
            default = tuple(max(1, int(each * _CSS_PIXELS / self.scale)) for each in inches)
        else:
            default = DEFAULT_VIEWPORT
        return self.viewport_width or default[0], self.viewport_height or default[1]

    @property
    def is_live(self) -> bool:
        """Whether it takes a page that runs scripts or draws frames."""
        return (
            self.javascript
            or self.output != "pdf"
            or self.single_page
            or self.viewport_width is not None
            or self.viewport_height is not None
            or self.device_scale != 1
        )

    @override
    def wrong_together(self) -> Iterator[Problem]:
        yield from super().wrong_together()
        yield from self._wrong_for_output()
        if self.full_page and self.selector is not None:
            yield "full_page", "must not be combined with selector"
        if self.single_page:
            for name in ("page_ranges", "prefer_css_page_size"):
                if getattr(self, name):
                    yield name, "must not be combined with single_page"

    def _wrong_for_output(self) -> Iterator[Problem]:
        """Options that this output does not have."""
        wanted = {
            "quality": {"jpeg", "webp"},
            "full_page": IMAGES,
            "selector": IMAGES,
            "omit_background": {"png", "webp"},
            "single_page": {"pdf"},
        }
        for name, outputs in wanted.items():
            if is_given(getattr(self, name)) and self.output not in outputs:
                yield name, f"is for output {' or '.join(sorted(outputs))}, not {self.output}"
