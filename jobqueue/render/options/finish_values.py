"""The values that options of finishing have: files, marks, metadata, passwords."""

import base64
import binascii
import re
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    WithJsonSchema,
    model_validator,
)

from jobqueue.render.options.fields import Length, Ranges

MAX_TEXT = 2000
"""Characters of one text of the metadata, or of a description."""

MAX_MARK = 500
"""Characters of a text that is put over or under pages."""

MAX_NAME = 200
"""Characters of an attachment's name: file systems take 255 bytes."""

MAX_CUSTOM = 50
"""Metadata of the user's own: the file's dictionary is kept small."""

MAX_PASSWORD = 127
"""Bytes of a password in UTF-8 (ISO 32000-2, 7.6.4.3.3: what follows is ignored)."""

KEY_PREFIXES = ("files/", "reports/")
"""Where a request may name stored files: what else is stored is not for those who submit."""

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,4}")
_CUSTOM = r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$"
_RESERVED = frozenset(
    {
        *("title", "author", "subject", "keywords", "creator", "producer"),
        *("creationdate", "moddate", "trapped"),
    }
)
_CONTENT_TYPE = r"^[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}$"
_COLOR = r"^#[0-9a-fA-F]{6}$"


class Value(BaseModel):
    """A value that has fields of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _decode(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("must be a text in base64")  # noqa: TRY004 - a message for users
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not valid base64") from None


def _key(value: object) -> object:
    if not isinstance(value, str) or not value.startswith(KEY_PREFIXES) or ".." in value:
        raise ValueError(f"must be a storage key below {' or '.join(KEY_PREFIXES)}")
    return value


def _password(value: object) -> object:
    if not isinstance(value, str) or not 0 < len(value.encode(errors="replace")) <= MAX_PASSWORD:
        raise ValueError(f"must be a text of 1 to {MAX_PASSWORD} bytes in UTF-8")
    return SecretStr(value)


def _language(value: object) -> object:
    if not isinstance(value, str) or not _LANGUAGE.fullmatch(value):
        raise ValueError("must be a language such as 'en' or 'de-AT'")
    return value


def _instant(value: object) -> object:
    problem = "must be a time such as '2024-03-01T12:00:00Z'"
    if not isinstance(value, str):
        raise ValueError(problem)  # noqa: TRY004 - a message for users
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(problem) from None
    if instant.tzinfo is None:
        raise ValueError(f"{problem}, with its offset")
    return instant


def _characters(value: object) -> object:
    """Texts end up in XML, which cannot hold control characters or half of a character."""
    if isinstance(value, str) and re.search(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff￾￿]", value):
        raise ValueError("must not have control characters")
    return value


def _file_name(value: object) -> object:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME or re.search(r"[/\\]", value):
        raise ValueError(f"must be a file name of at most {MAX_NAME} characters, without folders")
    return _characters(value)


Position = Literal[
    "center",
    "top",
    "bottom",
    "left",
    "right",
    "top-left",
    "top-right",
    "bottom-left",
    "bottom-right",
]
Base64 = Annotated[
    bytes,
    BeforeValidator(_decode),
    WithJsonSchema({"type": "string", "contentEncoding": "base64"}),
]
Key = Annotated[str, BeforeValidator(_key)]
Password = Annotated[
    SecretStr,
    BeforeValidator(_password),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_PASSWORD}),
]
Language = Annotated[str, BeforeValidator(_language)]
Instant = Annotated[
    datetime, BeforeValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})
]
Text = Annotated[str, BeforeValidator(_characters), Field(min_length=1, max_length=MAX_TEXT)]
FileName = Annotated[str, BeforeValidator(_file_name)]
CustomName = Annotated[str, Field(pattern=_CUSTOM)]


class FileSource(Value):
    """A file: in the request itself, or in the storage."""

    base64: Base64 | None = None
    key: Key | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.base64 is None) == (self.key is None):
            raise ValueError("needs exactly one of base64 and key")
        return self


class Metadata(Value):
    """What a document says about itself, in its Info dictionary and as XMP."""

    title: Text | None = None
    author: Text | None = None
    subject: Text | None = None
    keywords: Text | None = None
    language: Language | None = None
    custom: dict[CustomName, Text] = Field(default_factory=dict, max_length=MAX_CUSTOM)

    @model_validator(mode="after")
    def _own_names(self) -> Self:
        for name in self.custom:
            if name.lower() in _RESERVED:
                raise ValueError(f"custom must not have {name}: it has a meaning of its own")
        return self


class Attachment(Value):
    """A file that is put into the document."""

    name: FileName
    content_type: Annotated[str, Field(pattern=_CONTENT_TYPE)] = "application/octet-stream"
    base64: Base64 | None = None
    text: str | None = None
    key: Key | None = None
    description: Text | None = None
    relationship: Literal["Source", "Data", "Alternative", "Supplement", "Unspecified"] = (
        "Unspecified"
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(each is not None for each in (self.base64, self.text, self.key)) != 1:
            raise ValueError("needs exactly one of base64, text and key")
        return self


class Permissions(Value):
    """What a reader who does not know the owner's password may do."""

    print: bool = True
    print_high_quality: bool = True
    copy_content: bool = Field(default=True, alias="copy")
    modify: bool = True
    annotate: bool = True
    fill_forms: bool = True
    assemble: bool = True
    accessibility: bool = True


class Encryption(Value):
    """AES-256 encryption; the passwords are never shown, but stand in the job's payload."""

    user_password: Password | None = None
    """Needed to open the document; anyone can open it without."""
    owner_password: Password | None = None
    """Allows everything; a random one, which nobody knows, when not given."""
    permissions: Permissions = Permissions()

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.user_password is None and self.permissions == Permissions():
            raise ValueError("needs a user_password, or permissions that are taken away")
        if self.user_password is not None and self.user_password == self.owner_password:
            raise ValueError("user_password and owner_password must differ")
        return self


class Mark(Value):
    """A text, an image (PNG, JPEG, WebP) or a page of PDF on pages of the document."""

    text: Annotated[str, Field(min_length=1, max_length=MAX_MARK)] | None = None
    image: FileSource | None = None
    pdf: FileSource | None = None
    font_size: float | None = Field(None, ge=4, le=400)
    """Points."""
    color: Annotated[str, Field(pattern=_COLOR)] | None = None
    width: Length | None = None
    """Of an image; as wide as it is, at 96 dots an inch, when not given."""
    opacity: float | None = Field(None, gt=0, le=1)
    rotation: float | None = Field(None, ge=-360, le=360)
    """Degrees, clockwise."""
    position: Position | None = None
    pages: Ranges | None = None
    """Pages that get it, e.g. `1, 3-`; all when not given."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in ("text", "image", "pdf") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("needs exactly one of text, image and pdf")
        foreign = {
            "text": ("width",),
            "image": ("font_size", "color"),
            "pdf": ("font_size", "color", "width", "opacity", "rotation", "position"),
        }[given[0]]
        wrong = [name for name in foreign if getattr(self, name) is not None]
        if wrong:
            raise ValueError(f"{', '.join(wrong)}: not for a mark of {given[0]}")
        return self


class Letterhead(Value):
    """A page of PDF under every page."""

    pdf: FileSource
    first: FileSource | None = None
    """Instead of `pdf` under the first page."""
