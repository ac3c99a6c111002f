"""XMP packets: what a document says about itself, as RDF.

Sources: ISO 16684-1 (XMP), ISO 19005-2 6.6 (PDF/A identification and extension schemas: what
is in none of the predefined schemas must be described in the packet), Factur-X 1.0 chapter 7.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from xml.sax.saxutils import escape, quoteattr

import msgspec

from jobqueue.render.finishing.dates import xmp_date
from jobqueue.render.finishing.plan import Invoice

PDFX = "http://ns.adobe.com/pdfx/1.3/"
FACTUR_X = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"

_NAMESPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "pdf": "http://ns.adobe.com/pdf/1.3/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "pdfaid": "http://www.aiim.org/pdfa/ns/id/",
    "pdfaExtension": "http://www.aiim.org/pdfa/ns/extension/",
    "pdfaSchema": "http://www.aiim.org/pdfa/ns/schema#",
    "pdfaProperty": "http://www.aiim.org/pdfa/ns/property#",
    "pdfx": PDFX,
    "fx": FACTUR_X,
}
_PACKET = (
    "<?xpacket begin='\ufeff' id='W5M0MpCehiHzreSzNTczkc9d'?>\n"
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
    "{descriptions}"
    "</rdf:RDF>\n</x:xmpmeta>\n<?xpacket end='w'?>"
)
_INVOICE_PROPERTIES = {
    "DocumentFileName": "name of the embedded XML invoice file",
    "DocumentType": "INVOICE",
    "Version": "version of the standard that the XML invoice follows",
    "ConformanceLevel": "profile of the XML invoice",
}


class Facts(msgspec.Struct, frozen=True):
    """What a packet tells; what is None is not told.

    Attributes:
        standard: the part of PDF/A and its level, such as `3b`.
        custom: properties of the user's own.
    """

    title: str | None
    author: str | None
    subject: str | None
    keywords: str | None
    language: str | None
    creator: str | None
    producer: str | None
    created: datetime | None
    standard: str | None
    custom: Mapping[str, str]
    invoice: Invoice | None


def packet(facts: Facts) -> bytes:
    """The packet that tells `facts`: the same for the same facts."""
    groups = [
        ("dc", _dublin_core(facts)),
        ("pdf", _properties("pdf", {"Producer": facts.producer, "Keywords": facts.keywords})),
        ("xmp", _xmp(facts)),
        ("pdfx", _properties("pdfx", facts.custom)),
    ]
    if facts.standard is not None:
        identity = {"part": facts.standard[0], "conformance": facts.standard[1].upper()}
        groups.append(("pdfaid", _properties("pdfaid", identity)))
    if facts.invoice is not None:
        groups.append(("fx", _invoice(facts.invoice)))
    text = "".join(_description((prefix,), lines) for prefix, lines in groups if lines)
    if facts.standard is not None:
        text += _extensions(facts)
    return _PACKET.format(descriptions=text).encode()


def _description(prefixes: tuple[str, ...], lines: list[str]) -> str:
    names = " ".join(f"xmlns:{each}={quoteattr(_NAMESPACES[each])}" for each in prefixes)
    return f'<rdf:Description rdf:about="" {names}>\n{"".join(lines)}</rdf:Description>\n'


def _properties(prefix: str, values: Mapping[str, str | None]) -> list[str]:
    return [
        f"<{prefix}:{name}>{escape(value)}</{prefix}:{name}>\n"
        for name, value in values.items()
        if value is not None
    ]


def _dublin_core(facts: Facts) -> list[str]:
    lines = ["<dc:format>application/pdf</dc:format>\n"]
    for name, kind, value in (
        ("title", "Alt", facts.title),
        ("description", "Alt", facts.subject),
        ("creator", "Seq", facts.author),
        ("language", "Bag", facts.language),
    ):
        if value is not None:
            attribute = ' xml:lang="x-default"' if kind == "Alt" else ""
            item = f"<rdf:li{attribute}>{escape(value)}</rdf:li>"
            lines.append(f"<dc:{name}><rdf:{kind}>{item}</rdf:{kind}></dc:{name}>\n")
    return lines


def _xmp(facts: Facts) -> list[str]:
    date = None if facts.created is None else xmp_date(facts.created)
    return _properties(
        "xmp",
        {
            "CreatorTool": facts.creator,
            "CreateDate": date,
            "ModifyDate": date,
            "MetadataDate": date,
        },
    )


def _invoice(invoice: Invoice) -> list[str]:
    return _properties(
        "fx",
        {
            "DocumentType": "INVOICE",
            "DocumentFileName": invoice.filename,
            "Version": "1.0",
            "ConformanceLevel": invoice.level,
        },
    )


def _extensions(facts: Facts) -> str:
    """The description of the properties that PDF/A does not know; empty when there are none."""
    schemas = []
    if facts.custom:
        described = dict.fromkeys(facts.custom, "property of the document's owner")
        schemas.append(_schema("Custom properties", "pdfx", described))
    if facts.invoice is not None:
        schemas.append(_schema("Factur-X PDFA Extension Schema", "fx", _INVOICE_PROPERTIES))
    if not schemas:
        return ""
    bag = "".join(schemas)
    lines = [
        f"<pdfaExtension:schemas><rdf:Bag>\n{bag}</rdf:Bag></pdfaExtension:schemas>\n",
    ]
    return _description(("pdfaExtension", "pdfaSchema", "pdfaProperty"), lines)


def _schema(title: str, prefix: str, properties: Mapping[str, str]) -> str:
    return (
        '<rdf:li rdf:parseType="Resource">\n'
        f"<pdfaSchema:schema>{title}</pdfaSchema:schema>\n"
        f"<pdfaSchema:namespaceURI>{_NAMESPACES[prefix]}</pdfaSchema:namespaceURI>\n"
        f"<pdfaSchema:prefix>{prefix}</pdfaSchema:prefix>\n"
        f"<pdfaSchema:property><rdf:Seq>\n{''.join(_described(properties))}"
        "</rdf:Seq></pdfaSchema:property>\n</rdf:li>\n"
    )


def _described(properties: Mapping[str, str]) -> Iterator[str]:
    for name, description in properties.items():
        yield (
            '<rdf:li rdf:parseType="Resource">'
            f"<pdfaProperty:name>{name}</pdfaProperty:name>"
            "<pdfaProperty:valueType>Text</pdfaProperty:valueType>"
            "<pdfaProperty:category>external</pdfaProperty:category>"
            f"<pdfaProperty:description>{description}</pdfaProperty:description></rdf:li>\n"
        )
