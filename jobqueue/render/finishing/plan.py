"""What the finishing process is told, and what it answers: JSON on its pipes."""

from typing import Literal

import msgspec


class Piece(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A PDF that becomes part of the document.

    Attributes:
        name: what its error messages call it.
        pages: those that are taken, such as `1-3, 5`; all when None.
        foreign: whether it comes from a user rather than from Chromium.
    """

    path: str
    name: str
    pages: str | None = None
    foreign: bool = False


class Layer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A PDF whose first page is put on pages of the document.

    Attributes:
        under: under their content rather than over it.
        pages: those that get it, as far as there are such; all when None.
    """

    path: str
    name: str
    under: bool
    pages: str | None = None


class AttachedFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file inside of the document."""

    name: str
    content_type: str
    path: str
    description: str | None
    relationship: str


class About(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The document's metadata; what is None is kept as it is."""

    title: str | None = None
    author: str | None = None
    subject: str | None = None
    keywords: str | None = None
    language: str | None = None
    custom: dict[str, str] = {}


class Locks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Passwords, and what is allowed without the owner's."""

    user: str
    owner: str
    permissions: dict[str, bool]


class Invoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the XMP of a Factur-X document says about its invoice."""

    filename: str
    level: str


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that is to be done.

    Attributes:
        output: where the document is written.
        created: Unix time that it says it was made at; None to say none.
        seconds: of CPU time that the process may take.
        memory: bytes that it may have.
        largest: bytes that the document may have.
    """

    pieces: list[Piece]
    output: str
    created: float | None
    seconds: int
    memory: int
    largest: int
    layers: list[Layer] = []
    files: list[AttachedFile] = []
    about: About | None = None
    standard: Literal["2b", "3b"] | None = None
    invoice: Invoice | None = None
    locks: Locks | None = None
    compress: bool = False
    linearize: bool = False
    reproducible: bool = False


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    """The document is written."""

    pages: int
    warnings: list[str]


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """There can be no such document: why."""

    code: str
    message: str


Outcome = Finished | Refused
