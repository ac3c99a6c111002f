"""When a document is complete, and when it has failed."""

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field
from typing_extensions import override

from jobqueue.render.options.base import Problem
from jobqueue.render.options.page import PageOptions, needs_javascript

MAX_DELAY = 60.0
"""Seconds of `wait_delay`: one that needs more should say what it waits for."""

MAX_SELECTOR = 1000
MAX_EXPRESSION = 10_000
"""Characters; whatever needs more belongs into a script of the document."""


def _selector(value: object) -> object:
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_SELECTOR:
        raise ValueError(f"must be a CSS selector of at most {MAX_SELECTOR} characters")
    if ">>" in value:
        raise ValueError("must be one CSS selector, without >>")
    return value


Selector = Annotated[str, BeforeValidator(_selector)]


class WaitingOptions(PageOptions):
    """What is waited for beyond the load event, fonts and images, and what ends the job."""

    wait_network_idle: bool = False
    """Wait until nothing has been loading for half a second."""
    wait_selector: Selector | None = None
    """Wait until an element of this CSS selector is visible."""
    wait_expression: str | None = Field(None, min_length=1, max_length=MAX_EXPRESSION)
    """Wait until this JavaScript expression, or what its promise gives, is true."""
    wait_delay: float | None = Field(None, ge=0, le=MAX_DELAY)
    """Seconds to wait after all else."""
    fail_on_console_exception: bool = False
    """End the job when a script fails and nothing catches the error."""
    fail_on_resource_failure: bool = False
    """End the job when anything that the document loads is not had."""

    _FOR_WAITING: ClassVar[tuple[str, ...]] = (
        "wait_network_idle",
        "wait_selector",
        "wait_expression",
        "wait_delay",
        "fail_on_console_exception",
    )

    @override
    def wrong_together(self) -> Iterator[Problem]:
        yield from super().wrong_together()
        yield from needs_javascript(self, self._FOR_WAITING)
