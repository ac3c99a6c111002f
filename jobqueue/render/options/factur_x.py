"""The invoice in a document for machines: Factur-X 1.0 and ZUGFeRD 2, which are the same.

Source: Factur-X 1.0 / ZUGFeRD 2.3, chapter 6 (profiles) and 7 (file name, relationship).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, Self
from xml.parsers import expat

from pydantic import Field, model_validator

from jobqueue.render.options.finish_values import Value

NAMESPACE = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
MAX_XML = 10 * 1024 * 1024

Profile = Literal["minimum", "basic_wl", "basic", "en16931", "extended", "xrechnung"]

_PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "urn:factur-x.eu:1p0:minimum": "minimum",
        "urn:factur-x.eu:1p0:basicwl": "basic_wl",
        "urn:cen.eu:en16931:2017#compliant#urn:factur-x.eu:1p0:basic": "basic",
        "urn:factur-x.eu:1p0:basic": "basic",
        "urn:cen.eu:en16931:2017": "en16931",
        "urn:cen.eu:en16931:2017#conformant#urn:factur-x.eu:1p0:extended": "extended",
        "urn:factur-x.eu:1p0:extended": "extended",
    }
)
"""By the guideline that an invoice names."""

_XRECHNUNG = "urn:cen.eu:en16931:2017#compliant#urn:xeinkauf.de:kosit:xrechnung_"
_GUIDELINE = ("GuidelineSpecifiedDocumentContextParameter", "ID")


class FacturX(Value):
    """The invoice as XML (UN/CEFACT CII), which is attached as Factur-X wants it."""

    xml: str = Field(min_length=1, max_length=MAX_XML)
    profile: Profile | None = None
    """Read from the invoice's guideline when not given, and must agree with it."""
    relationship: Literal["Alternative", "Data", "Source"] | None = None
    """`Data` for minimum and basic_wl, which are no full invoices, else `Alternative`."""

    @model_validator(mode="after")
    def _is_such_an_invoice(self) -> Self:
        found = _profile_of(_guideline(self.xml))
        if self.profile is not None and self.profile != found:
            raise ValueError(f"profile {self.profile}: the invoice in xml is of profile {found}")
        return self

    @property
    def kind(self) -> Profile:
        """The profile of the invoice."""
        return self.profile or _profile_of(_guideline(self.xml))


def _profile_of(guideline: str) -> Profile:
    if guideline.startswith(_XRECHNUNG):
        return "xrechnung"
    if guideline not in _PROFILES:
        raise ValueError(f"xml: {guideline[:80]!r} is no guideline of Factur-X")
    return _PROFILES[guideline]


def _guideline(xml: str) -> str:
    """The guideline that an invoice says it follows."""
    reader = _Reader()
    try:
        reader.read(xml)
    except (expat.ExpatError, UnicodeEncodeError) as error:
        raise ValueError(f"xml: is not well-formed ({error})") from None
    return "".join(reader.guideline).strip()


class _Reader:
    """Finds the guideline; refuses document types, with which XML can be made to explode."""

    def __init__(self) -> None:
        self.guideline: list[str] = []
        self._path: list[str] = []

    def read(self, xml: str) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.Parse(xml.encode(), True)

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        if not self._path and name != f"{NAMESPACE} CrossIndustryInvoice":
            raise ValueError("xml: must be a CrossIndustryInvoice of UN/CEFACT")
        self._path.append(name.rpartition(" ")[2])

    def _end(self, _name: str) -> None:
        self._path.pop()

    def _text(self, text: str) -> None:
        if tuple(self._path[-2:]) == _GUIDELINE:
            self.guideline.append(text)


def _refuse_doctype(*_: Any) -> None:
    raise ValueError("xml: must not have a document type")
