"""Waiting for a condition instead of sleeping for luck."""

import asyncio
import inspect
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, overload

T = TypeVar("T")

DEADLINE = 15.0
"""Seconds, where a test promises no bound of its own."""


@overload
async def eventually(
    condition: Callable[[], Coroutine[Any, Any, T]], *, within: float = DEADLINE
) -> T: ...
@overload
async def eventually(condition: Callable[[], T], *, within: float = DEADLINE) -> T: ...
async def eventually(condition: Callable[[], Any], *, within: float = DEADLINE) -> Any:
    """The first true value of `condition`; AssertionError when it stays false for `within` s."""
    end = time.monotonic() + within
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        assert time.monotonic() < end, f"not within {within:g} s: {inspect.getsource(condition)}"
        await asyncio.sleep(0.005)
