"""What options of finishing may say."""

from typing import Any

import pytest

from jobqueue.render.options import RenderOptions
from jobqueue.render.options.finish_values import MAX_PASSWORD
from tests.render.test_options import errors_of

CII = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
RAM = "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"


def invoice(guideline: str, prolog: str = "") -> str:
    """An invoice that says which guideline it follows, and nothing else."""
    parameter = "GuidelineSpecifiedDocumentContextParameter"
    return (
        f'{prolog}<r:CrossIndustryInvoice xmlns:r="{CII}" xmlns:a="{RAM}">'
        f"<r:ExchangedDocumentContext><a:{parameter}><a:ID>{guideline}</a:ID></a:{parameter}>"
        "</r:ExchangedDocumentContext></r:CrossIndustryInvoice>"
    )


BASIC = invoice("urn:cen.eu:en16931:2017#compliant#urn:factur-x.eu:1p0:basic")
FILE = {"base64": "JVBERg=="}


@pytest.mark.parametrize(
    ("options", "field", "hint"),
    [
        ({"metadata": {"tittle": "x"}}, "metadata.tittle", "is not known"),
        ({"metadata": {"title": "a\x00b"}}, "metadata.title", "control characters"),
        ({"metadata": {"language": "German"}}, "metadata.language", "such as 'en'"),
        ({"metadata": {"custom": {"Title": "x"}}}, "metadata", "meaning of its own"),
        ({"pdf_a": "1b"}, "pdf_a", "'2b' or '3b'"),
        ({"attachments": [{"name": "a"}]}, "attachments.0", "exactly one of base64, text"),
        ({"attachments": [{"name": "a/b", "text": ""}]}, "attachments.0.name", "without folders"),
        ({"attachments": [{"name": "a", "base64": "?"}]}, "attachments.0.base64", "base64"),
        ({"attachments": [{"name": "a", "text": ""}] * 2}, "attachments", "there twice"),
        (
            {"attachments": [{"name": "a", "text": ""}], "pdf_a": "2b"},
            "attachments",
            "ask for 3b",
        ),
        (
            {"attachments": [{"name": "factur-x.xml", "text": ""}], "factur_x": {"xml": BASIC}},
            "attachments",
            "there twice",
        ),
        ({"factur_x": {"xml": "<a"}}, "factur_x", "not well-formed"),
        ({"factur_x": {"xml": "<a/>"}}, "factur_x", "CrossIndustryInvoice"),
        ({"factur_x": {"xml": invoice("mine")}}, "factur_x", "no guideline"),
        (
            {"factur_x": {"xml": invoice("x", '<!DOCTYPE a [<!ENTITY b "c">]>')}},
            "factur_x",
            "document type",
        ),
        ({"factur_x": {"xml": BASIC, "profile": "minimum"}}, "factur_x", "of profile basic"),
        ({"factur_x": {"xml": BASIC}, "pdf_a": "2b"}, "pdf_a", "must be 3b"),
        ({"encryption": {}}, "encryption", "needs a user_password"),
        ({"encryption": {"user_password": ""}}, "encryption.user_password", "1 to 127 bytes"),
        (
            {"encryption": {"user_password": "ä" * MAX_PASSWORD}},
            "encryption.user_password",
            "1 to 127 bytes",
        ),
        (
            {"encryption": {"user_password": "a", "owner_password": "a"}},
            "encryption",
            "must differ",
        ),
        ({"encryption": {"user_password": "a"}, "pdf_a": "2b"}, "encryption", "forbids it"),
        (
            {"encryption": {"user_password": "a"}, "reproducible": True},
            "encryption",
            "keys are random",
        ),
        ({"watermark": {}}, "watermark", "exactly one of text, image and pdf"),
        ({"stamp": {"text": "x", "width": 1}}, "stamp", "width: not for a mark of text"),
        ({"stamp": {"pdf": FILE, "opacity": 0.5}}, "stamp", "opacity: not for a mark of pdf"),
        ({"stamp": {"text": "x", "color": "red"}}, "stamp.color", "pattern"),
        ({"stamp": {"text": "x", "pages": "3-1"}}, "stamp.pages", "goes upwards"),
        ({"letterhead": {}}, "letterhead.pdf", "Field required"),
        ({"letterhead": {"pdf": {}}}, "letterhead.pdf", "exactly one of base64 and key"),
        ({"letterhead": {"pdf": {"key": "payloads/1"}}}, "letterhead.pdf.key", "files/ or"),
        ({"letterhead": {"pdf": {"key": "files/../a"}}}, "letterhead.pdf.key", "files/ or"),
        ({"created": "yesterday"}, "created", "must be a time"),
        ({"created": "2024-01-01T00:00:00"}, "created", "with its offset"),
    ],
)
def test_wrong_options_name_their_field(options: dict[str, Any], field: str, hint: str) -> None:
    """Each mistake is reported where it is, before any browser is used."""
    errors = errors_of(options)
    assert list(errors) == [field]
    assert hint in errors[field]


def test_all_mistakes_come_together() -> None:
    """One answer names what is wrong with the paper and with each value inside of a value."""
    options = {
        "scale": 9,
        "metadata": {"title": "", "author": 5},
        "attachments": [{"name": "a", "text": "x"}, {"name": ""}],
    }
    assert set(errors_of(options)) == {
        "scale",
        "metadata.title",
        "metadata.author",
        "attachments.1.name",
    }


def test_passwords_are_not_shown() -> None:
    """Options that are printed or logged do not tell passwords."""
    options = RenderOptions.model_validate({"encryption": {"user_password": "geheim"}})
    assert "geheim" not in repr(options)
    assert "geheim" not in str(options.model_dump())


@pytest.mark.parametrize(
    ("guideline", "profile"),
    [
        ("urn:factur-x.eu:1p0:minimum", "minimum"),
        ("urn:factur-x.eu:1p0:basicwl", "basic_wl"),
        ("urn:cen.eu:en16931:2017", "en16931"),
        ("urn:cen.eu:en16931:2017#conformant#urn:factur-x.eu:1p0:extended", "extended"),
        ("urn:cen.eu:en16931:2017#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0", "xrechnung"),
    ],
)
def test_the_profile_is_read_from_the_invoice(guideline: str, profile: str) -> None:
    """An invoice says which profile it has; such a document is PDF/A-3."""
    options = RenderOptions.model_validate({"factur_x": {"xml": invoice(guideline)}})
    assert options.factur_x is not None
    assert options.factur_x.kind == profile
    assert options.standard == "3b"


def test_printing_alone_is_no_finishing() -> None:
    """A tagged document with bookmarks is as it comes from Chromium."""
    options = RenderOptions(outline=True)
    assert options.is_tagged
    assert not options.finishes
    assert RenderOptions(compress=True).finishes
