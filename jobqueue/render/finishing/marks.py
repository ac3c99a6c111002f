"""Marks of text and images: HTML of one page, which Chromium prints as it prints documents.

So a text may be in any script, its fonts are embedded, and an image is read in the sandbox.
"""

import base64
from html import escape

from jobqueue.errors import Unrecoverable
from jobqueue.render.options import RenderOptions
from jobqueue.render.options.finish_values import Mark

MARK_FAILED = "mark_failed"

DEFAULT_SIZE = 72.0
"""Points of a text: seen at once on A4, and not too wide for a word."""

DEFAULT_COLOR = "#555555"
WATERMARK_OPACITY = 0.15
WATERMARK_ROTATION = -45.0
INSET = 10
"""Millimetres between a mark at an edge and that edge."""

_IMAGES = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"))
_RIFF, _WEBP = b"RIFF", b"WEBP"
_PAGE = (
    "<!doctype html><meta charset=utf-8><style>html,body{{margin:0}}"
    "body{{display:flex;box-sizing:border-box;overflow:hidden;width:{width:.4f}in;"
    "height:{height:.4f}in;padding:{inset}mm;justify-content:{across};align-items:{down}}}"
    ".mark{{flex:none;opacity:{opacity};transform:rotate({rotation}deg);color:{color};"
    "font:bold {size}pt/1.2 'Liberation Sans','Noto Sans',Arial,sans-serif;"
    "text-align:center;white-space:pre}}</style><body>{content}"
)
_SLACK = 0.01
"""Inches by which the page's content is lower than the paper, lest it need a second sheet."""


def mark_page(mark: Mark, image: bytes | None, options: RenderOptions, *, under: bool) -> str:
    """The page that has nothing but a mark, on the document's paper.

    Args:
        mark: a text or an image.
        image: the image's bytes.
        options: those of the document.
        under: whether it is a watermark, which is pale and slanted when it says nothing else.

    Raises:
        Unrecoverable: the image is of no kind that is known.
    """
    width, height = options.paper
    down, across = _place(mark.position or "center")
    opacity, rotation = mark.opacity, mark.rotation
    if opacity is None:
        opacity = WATERMARK_OPACITY if under else 1.0
    if rotation is None:
        rotation = WATERMARK_ROTATION if under and mark.text is not None else 0.0
    return _PAGE.format(
        width=width,
        height=height - _SLACK,
        inset=INSET,
        across=across,
        down=down,
        opacity=opacity,
        rotation=rotation,
        color=mark.color or DEFAULT_COLOR,
        size=mark.font_size or DEFAULT_SIZE,
        content=_content(mark, image),
    )


def mark_options(options: RenderOptions) -> RenderOptions:
    """How the page of a mark is printed: on the document's paper, to its edges."""
    width, height = options.paper
    return RenderOptions(
        paper_width=width,
        paper_height=height,
        margin_top=0,
        margin_right=0,
        margin_bottom=0,
        margin_left=0,
    )


def _content(mark: Mark, image: bytes | None) -> str:
    if image is None:
        return f"<div class=mark>{escape(mark.text or '')}</div>"
    width = "" if mark.width is None else f" style='width:{mark.width:.4f}in'"
    data = base64.b64encode(image).decode()
    return f"<img class=mark{width} src='data:{_type_of(image)};base64,{data}'>"


def _type_of(image: bytes) -> str:
    for start, name in _IMAGES:
        if image.startswith(start):
            return name
    if image.startswith(_RIFF) and image[8:12] == _WEBP:
        return "image/webp"
    raise Unrecoverable(MARK_FAILED, "the image of a mark is neither PNG nor JPEG nor WebP")


def _place(position: str) -> tuple[str, str]:
    """Where a mark is, downwards and across, in words of CSS."""
    down = "start" if "top" in position else "end" if "bottom" in position else "center"
    across = "start" if "left" in position else "end" if "right" in position else "center"
    return down, across
