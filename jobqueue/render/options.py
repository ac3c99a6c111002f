"""How a document is laid out on paper: the options of a report, validated as a whole."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from jobqueue.render.filenames import safe_filename
from jobqueue.render.omissions import spells_letters
from jobqueue.render.paper import (
    DEFAULT_FORMAT,
    FORMATS,
    MAX_SIDE,
    MIN_CONTENT,
    MIN_SIDE,
    parse_format,
    parse_length,
    parse_side,
    show_mm,
)

MAX_BAND = 64 * 1024
"""Characters of `header_html` or `footer_html`: Chromium lays them out once a page."""

MAX_RANGES = 200
"""Characters of `page_ranges`."""

_RANGE = re.compile(r"(\d{1,6})?(-)?(\d{1,6})?")
_ACTIVE = re.compile(r"<\s*(script|iframe|frame|object|embed|link)\b", re.IGNORECASE)
_LOADING = re.compile(
    r"@import\b|\burl\(\s*[\"']?(?!data:|#)|\bsrc(?:set)?\s*=\s*[\"']?(?!\s*data:)", re.IGNORECASE
)
_LENGTH_PATTERN = r"^\s*(\d+(\.\d+)?|\.\d+) ?(px|in|cm|mm)\s*$"

_Problem = tuple[str, str]
"""A field's name and what is wrong with it."""


def _length_schema(minimum: float) -> WithJsonSchema:
    number = {"type": "number", "minimum": minimum, "maximum": MAX_SIDE, "description": "inches"}
    return WithJsonSchema({"anyOf": [number, {"type": "string", "pattern": _LENGTH_PATTERN}]})


Length = Annotated[float, BeforeValidator(parse_length), _length_schema(0)]
Side = Annotated[float, BeforeValidator(parse_side), _length_schema(MIN_SIDE)]
Format = Annotated[
    Literal["Letter", "Legal", "Tabloid", "Ledger", "A0", "A1", "A2", "A3", "A4", "A5", "A6"],
    BeforeValidator(parse_format),
]


def parse_page_ranges(value: object) -> object:
    """`value` when it reads like `1-3, 5, 8-`; the pages must not go backwards."""
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_RANGES:
        raise ValueError("must be a text such as '1-3, 5, 8-'")
    for part in value.split(","):
        match = _RANGE.fullmatch(part.strip())
        if match is None or not (match[1] or match[3]) or bool(match[3]) > bool(match[2]):
            raise ValueError(f"{part.strip()!r} is no page or range of pages, such as 5, 1-3 or 8-")
        first, last = int(match[1] or 1), int(match[3] or 999_999)
        if first < 1 or last < first:
            raise ValueError(f"{part.strip()!r}: pages count from 1, and a range goes upwards")
    return value


def _filename(value: object) -> object:
    name = safe_filename(value) if isinstance(value, str) else None
    if name is None:
        raise ValueError("must be a file name, such as 'invoice.pdf'")
    return name


def _band(value: object) -> object:
    if not isinstance(value, str) or len(value) > MAX_BAND:
        raise ValueError(f"must be a text of HTML of at most {MAX_BAND} characters")
    active = _ACTIVE.search(value)
    if active:
        raise ValueError(f"must not contain <{active[1].lower()}>: it is printed, never run")
    if spells_letters(value):
        raise ValueError("must not spell letters by escapes of CSS: write them as they are")
    loading = _LOADING.search(value)
    if loading:
        raise ValueError(
            f"must not load anything ({loading[0]}…): embed images and fonts as data: addresses"
        )
    return value


def _no_scripts(value: object) -> object:
    if value is True:
        raise ValueError("rendering with JavaScript is not available: leave it out or set false")
    return value


Ranges = Annotated[str, BeforeValidator(parse_page_ranges)]
Filename = Annotated[str, BeforeValidator(_filename)]
Band = Annotated[str, BeforeValidator(_band)]


class PdfOptions(BaseModel):
    """The paper, what is on it besides the document, and the name of the file.

    Lengths are given as numbers (inches) or texts with a unit (`px`, `in`, `cm`,
    `mm`) and are inches here. A key that is null counts as not given. Header and
    footer are HTML of their own in the margins, in which Chromium fills elements
    of the classes `pageNumber`, `totalPages`, `title` and `date`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

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
    filename: Filename | None = None
    """Name of the file; made from the document's title when not given."""
    javascript: Annotated[bool, BeforeValidator(_no_scripts)] = False

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

    @model_validator(mode="wrap")
    @classmethod
    def _validate_as_a_whole(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Report wrong fields and wrong combinations together."""
        if not isinstance(data, dict):
            return handler(data)
        given = {
            key: value
            for key, value in data.items()
            if value is not None or key not in cls.model_fields
        }
        problems = list(_paper_problems(given))
        options: Self | None = None
        details: list[InitErrorDetails] = []
        try:
            options = handler(given)
        except ValidationError as error:
            details = [_detail(str(e["loc"][0]), _message(e)) for e in error.errors()]
        else:
            problems += _margin_problems(options)
        if options is None or problems:
            details += [_detail(name, message) for name, message in problems]
            raise ValidationError.from_exception_data("PdfOptions", details)
        return options


def _paper_problems(given: dict[Any, Any]) -> Iterator[_Problem]:
    sides = [name for name in ("paper_width", "paper_height") if name in given]
    if sides and "format" in given:
        yield "format", "must not be combined with paper_width and paper_height"
    if len(sides) == 1:
        missing = "paper_height" if sides == ["paper_width"] else "paper_width"
        yield missing, f"is required together with {sides[0]}"


def _margin_problems(options: PdfOptions) -> Iterator[_Problem]:
    if options.prefer_css_page_size:
        return  # the paper is known only when the document is laid out
    sides = zip(options.paper, options.content, (("left", "right"), ("top", "bottom")), strict=True)
    for side, room, (near, far) in sides:
        if room < MIN_CONTENT:
            near_margin = getattr(options, f"margin_{near}")
            far_margin = getattr(options, f"margin_{far}")
            largest = near if near_margin >= far_margin else far
            message = (
                f"leaves no room: {near} {show_mm(near_margin)} and {far} {show_mm(far_margin)}"
                f" of {show_mm(side)} paper; at least {show_mm(MIN_CONTENT)} must remain"
            )
            yield f"margin_{largest}", message


def _message(error: Any) -> str:
    """One pydantic error in the words of an API's user."""
    if error["type"] == "extra_forbidden":
        return f"is not an option; there are {', '.join(PdfOptions.model_fields)}"
    text: str = error["msg"]
    return text.removeprefix("Value error, ").replace("Input should be", "must be")


def _detail(name: str, message: str) -> InitErrorDetails:
    error = PydanticCustomError("pdf_option", "{message}", {"message": message})
    return InitErrorDetails(type=error, loc=(name,), input=None)
