"""By what jobs are grouped for limits and turns: the value of a field of their payload."""

import hashlib
from typing import Any

import msgspec

MAX_NAME = 128
"""Characters of a group's name, which is part of keys in Redis; longer values are hashed."""


def group_of(path: str | None, payload: bytes) -> str | None:
    """The value at a dotted path in a payload, as text; None where there is none.

    Args:
        path: e.g. `customer.id`; None: nothing is looked for.
        payload: JSON.
    """
    if path is None:
        return None
    value: Any = msgspec.json.decode(payload)
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if value is None:
        return None
    text = value if isinstance(value, str) else msgspec.json.encode(value, order="sorted").decode()
    if not text:
        return None
    return text if len(text) <= MAX_NAME else hashlib.sha256(text.encode()).hexdigest()
