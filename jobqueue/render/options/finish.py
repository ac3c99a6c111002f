"""What happens to a document after it is printed."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import override

from jobqueue.render.options.base import OptionGroup, Problem
from jobqueue.render.options.factur_x import FacturX
from jobqueue.render.options.finish_values import (
    Attachment,
    Encryption,
    Instant,
    Letterhead,
    Mark,
    Metadata,
)

MAX_ATTACHMENTS = 50

Standard = Literal["2b", "3b"]


class FinishOptions(OptionGroup):
    """Structure, metadata, archiving, attachments, encryption and marks."""

    outline: bool = False
    """Bookmarks from the headings; such a document is tagged, too."""
    tagged: bool = False
    """Structure for screen readers; large tables take 3 times the time and 15 times the room."""
    metadata: Metadata | None = None
    pdf_a: Standard | None = None
    """Archiving: PDF/A-2b, or 3b, which may have attachments of any kind."""
    attachments: Annotated[list[Attachment], Field(max_length=MAX_ATTACHMENTS)] | None = None
    factur_x: FacturX | None = None
    """An invoice for machines (Factur-X, ZUGFeRD); makes the document PDF/A-3b."""
    encryption: Encryption | None = None
    watermark: Mark | None = None
    """Under the pages' content."""
    stamp: Mark | None = None
    """Over the pages' content."""
    letterhead: Letterhead | None = None
    compress: bool = False
    """Pack it as small as it gets without loss."""
    linearize: bool = False
    """Let a viewer show the first page while the rest still loads."""
    reproducible: bool = False
    """Identical bytes for identical input: see `created`."""
    created: Instant | None = None
    """When the document says it was made. Not given: now, or, of a reproducible document,
    the service's SOURCE_DATE_EPOCH, without which it says no time."""

    @property
    def standard(self) -> Standard | None:
        """The part of PDF/A that the document is to conform to."""
        return "3b" if self.factur_x is not None else self.pdf_a

    @property
    def is_tagged(self) -> bool:
        """Whether Chromium is to print the structure: an outline is made from it."""
        return self.tagged or self.outline

    @property
    def finishes(self) -> bool:
        """Whether anything is asked for that is done after printing."""
        return any(getattr(self, name) for name in _AFTER_PRINTING)

    @override
    def wrong_together(self) -> Iterator[Problem]:
        yield from super().wrong_together()
        if self.encryption is not None and self.standard is not None:
            yield "encryption", "must not be combined with PDF/A, which forbids it"
        if self.encryption is not None and self.reproducible:
            yield "encryption", "must not be combined with reproducible: its keys are random"
        if self.factur_x is not None and self.pdf_a == "2b":
            yield "pdf_a", "must be 3b for factur_x, or left out"
        if self.attachments and self.standard == "2b":
            yield "attachments", "must not be combined with PDF/A-2b: ask for 3b"
        names = [each.name for each in self.attachments or ()]
        if self.factur_x is not None:
            names.append(invoice_name(self.factur_x))
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield "attachments", f"{name!r} is there twice"


_AFTER_PRINTING = tuple(
    name for name in FinishOptions.model_fields if name not in {"outline", "tagged"}
)


def invoice_name(invoice: FacturX) -> str:
    """The name that the invoice has as an attachment."""
    return "xrechnung.xml" if invoice.kind == "xrechnung" else "factur-x.xml"
