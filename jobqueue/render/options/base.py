"""What the groups of options have in common."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

Problem = tuple[str, str]
"""A field's name and what is wrong with it."""


class OptionGroup(BaseModel):
    """Options that belong together; `RenderOptions` has those of all groups."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @classmethod
    def wrong_given(cls, given: Mapping[str, Any]) -> Iterator[Problem]:  # noqa: ARG003 - for groups
        """What is wrong with the fields that are given, beyond the value of each."""
        yield from ()

    def wrong_together(self) -> Iterator[Problem]:
        """What is wrong with values of which each alone is right."""
        yield from ()


def is_given(value: object) -> bool:
    """Whether an option that is null or false by default asks for something."""
    return value is not None and value is not False
