"""A number of seconds as an argument."""

import math
from typing import Any

import click
from typing_extensions import override


class Seconds(click.FloatRange):
    """Seconds from 0 on; words that Python reads as a number, such as `nan`, are none."""

    def __init__(self) -> None:
        super().__init__(min=0)

    @override
    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number in `value`."""
        seconds = float(super().convert(value, param, ctx))
        if not math.isfinite(seconds):
            self.fail(f"{value!r} is not a number of seconds", param, ctx)
        return seconds
