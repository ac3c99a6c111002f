"""Plain functions, each call in a thread of its own."""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import Any

Result = tuple[Any, BaseException | None]


async def in_thread(function: Callable[..., Any], *args: Any, **resources: Any) -> Any:
    """What `function` returns, without blocking the loop.

    A thread cannot be stopped. When this is cancelled it waits for the function to end, because
    until then its work goes on: `JobContext.cancelled` tells the function to end early.

    The thread is a daemon and belongs to no pool: one that never ends keeps neither other jobs
    waiting nor the process from its exit.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Result] = loop.create_future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            result: Result = (context.run(function, *args, **resources), None)
        except BaseException as error:  # noqa: BLE001 - raised again, where the caller is
            result = (None, error)
        if not loop.is_closed():
            loop.call_soon_threadsafe(ended.set_result, result)

    threading.Thread(target=run, name=getattr(function, "__name__", None), daemon=True).start()
    value, error = await _in_any_case(ended)
    if error is not None:
        raise error
    return value


async def _in_any_case(ended: asyncio.Future[Result]) -> Result:
    """The result of `ended`; a cancellation waits for it, and is then raised."""
    cancelled: asyncio.CancelledError | None = None
    while not ended.done():
        try:
            await asyncio.wait([ended])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return ended.result()
