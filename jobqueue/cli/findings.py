"""What a look at one part of the set-up found."""

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at.

    Attributes:
        name: of the thing, one word.
        ok: whether it is as it should be.
        detail: what was found, or what is wrong.
        required: whether the service cannot do its work without it.
        fix: a command or a setting that helps; None where `detail` names it.
    """

    name: str
    ok: bool
    detail: str
    required: bool = True
    fix: str | None = None


def warning(name: str, detail: str, fix: str | None = None) -> Finding:
    """A finding that should be changed, but stops nothing."""
    return Finding(name, ok=False, detail=detail, required=False, fix=fix)
