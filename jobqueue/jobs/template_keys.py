"""Where versions of templates are in the storage: pure, no I/O.

templates/NAME/000003/claim.RANDOM    somebody wants to write version 3
templates/NAME/000003/files.msgpack   version 3: written once, never changed
templates/NAME/000003/deleted         versions up to 3 are hidden
"""

import re
from collections.abc import Iterable

import msgspec

PREFIX = "templates/"

MAX_VERSION = 999_999

_KEY = re.compile(
    r"templates/([a-z0-9-]+)/([0-9]{6})/(?:(claim)\.[0-9a-f]+|(files)\.msgpack|(deleted))"
)
_LABEL = re.compile(r"([a-z0-9][a-z0-9-]{0,62})(?:@([1-9][0-9]{0,5}))?")

LABEL_PATTERN = f"^{_LABEL.pattern}$"
"""What a template may be called in a job, for JSON Schema."""


class Versions(msgspec.Struct):
    """What there is of one template.

    Attributes:
        written: times of all versions, Unix seconds, by number; hidden ones too.
        claimed: how many want each number.
        hidden: the highest version that is hidden; 0: none.
    """

    written: dict[int, float] = {}
    claimed: dict[int, int] = {}
    hidden: int = 0

    @property
    def shown(self) -> list[int]:
        """The versions that can be asked for, oldest first."""
        return sorted(number for number in self.written if number > self.hidden)

    @property
    def next(self) -> int:
        """The lowest number that nobody has or wants."""
        return max([*self.written, *self.claimed, self.hidden], default=0) + 1


def folder_of(name: str) -> str:
    """The prefix of all keys of a template."""
    return f"{PREFIX}{name}/"


def files_key(name: str, version: int) -> str:
    """The key of a version's files."""
    return f"{folder_of(name)}{version:06d}/files.msgpack"


def claim_key(name: str, version: int, claim: str) -> str:
    """The key of somebody's claim on a number."""
    return f"{folder_of(name)}{version:06d}/claim.{claim}"


def hidden_key(name: str, version: int) -> str:
    """The key that hides all versions up to this one."""
    return f"{folder_of(name)}{version:06d}/deleted"


def read_keys(found: Iterable[tuple[str, float]]) -> dict[str, Versions]:
    """What there is of each template, by keys and their times; keys of others are left out."""
    templates: dict[str, Versions] = {}
    for key, modified_at in found:
        match = _KEY.fullmatch(key)
        if match is None:
            continue
        versions = templates.setdefault(match[1], Versions())
        number = int(match[2])
        if match[3]:
            versions.claimed[number] = versions.claimed.get(number, 0) + 1
        elif match[4]:
            versions.written[number] = modified_at
        else:
            versions.hidden = max(versions.hidden, number)
    return templates


def split_label(label: str) -> tuple[str, int | None] | None:
    """Name and version of `invoice@3`, or `invoice` and None; None when it is neither."""
    match = _LABEL.fullmatch(label)
    return (match[1], int(match[2]) if match[2] else None) if match else None
