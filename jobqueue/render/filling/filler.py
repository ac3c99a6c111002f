"""What the rest of the program sees of the filling processes."""

import asyncio
import os
import re
import secrets
import signal
from typing import Any

import msgspec

from jobqueue.errors import FieldError, InvalidRequest, Unrecoverable
from jobqueue.render.charts.drawing import Drawing
from jobqueue.render.filling.child import ENDED_WELL
from jobqueue.render.filling.limits import CPU_SECONDS
from jobqueue.render.filling.messages import (
    Answer,
    Compile,
    Failure,
    Fill,
    Markdown,
    Request,
    Validate,
    chart_mark,
)
from jobqueue.render.filling.process import Child
from jobqueue.render.options import RenderOptions
from jobqueue.render.template_files import TEMPLATE, TemplateFiles
from jobqueue.render.templates import page_facts
from jobqueue.schema_errors import pointer

CHILD = "jobqueue.render.filling.child"

PATIENCE = 60.0
"""Seconds that a filling may take by the clock: on a busy machine its processor time takes
longer to pass."""

MARKDOWN = "markdown"
"""What errors call the source of a report in Markdown."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Answer).decode


class Filler:
    """Fills users' templates and Markdown, each in a process of its own.

    Args:
        processes: how many work at once; they start when they are needed.
    """

    def __init__(self, processes: int | None = None) -> None:
        self._children = [Child(CHILD) for _ in range(processes or len(os.sched_getaffinity(0)))]
        self._free: asyncio.LifoQueue[Child] = asyncio.LifoQueue()
        for child in self._children:
            self._free.put_nowait(child)
        self._drawing = Drawing()

    async def close(self) -> None:
        """End all processes."""
        for child in self._children:
            await child.close()
        await self._drawing.close()

    async def fill(
        self, template: TemplateFiles, data: dict[str, Any], options: RenderOptions
    ) -> str:
        """The HTML of a template with data, its charts drawn.

        Raises:
            Unrecoverable: why it cannot be, with the line.
            ChildLost: another try may succeed.
        """
        token = secrets.token_hex(16)
        request = Fill(template.label, template.files, data, page_facts(options), token)
        answer = await self._made(f"template {template.label}", request)
        if not answer.charts:
            return answer.html
        drawings = await self._drawing.draw(template.label, answer.charts)
        marks = re.compile(re.escape(chart_mark(token, 0)).replace("0\\-\\-", "([0-9]+)\\-\\-"))
        return marks.sub(lambda mark: drawings[int(mark[1])], answer.html)

    async def markdown(self, text: str, options: RenderOptions) -> str:
        """A text in Markdown as a document in the shipped layout; raises as `fill` does."""
        request = Markdown(text, page_facts(options))
        return (await self._made(MARKDOWN, request)).html

    async def check(self, template: TemplateFiles, *, at: str = "/files") -> None:
        """Look whether a template compiles.

        Raises:
            InvalidRequest: it does not; names the file, and the line.
        """
        failure = (await self._ask(Compile(template.files))).failure
        if failure is not None:
            file, _, line = failure.place.partition(", ")
            message = f"{line}: {failure.message}" if line else failure.message
            error = FieldError(at + pointer(file or TEMPLATE), message)
            raise InvalidRequest("the template does not compile", (error,))

    async def validate(self, template: TemplateFiles, data: Any, *, at: str) -> None:
        """Check data against the template's schema, if it has one.

        Raises:
            InvalidRequest: names every field that does not fit.
        """
        if template.schema is None:
            return
        answer = await self._ask(Validate(template.schema, data, at))
        what = f"the data does not fit template {template.label!r}"
        if answer.failure is not None:
            message = f"cannot be checked by {template.label}: {answer.failure.message}"
            raise InvalidRequest(what, (FieldError(at, message),))
        if answer.errors:
            raise InvalidRequest(what, answer.errors)

    async def _made(self, what: str, request: Request) -> Answer:
        answer = await self._ask(request)
        if answer.failure is not None:
            place = f", {answer.failure.place}" if answer.failure.place else ""
            raise Unrecoverable(answer.failure.code, f"{what}{place}: {answer.failure.message}")
        return answer

    async def _ask(self, request: Request) -> Answer:
        child = await self._free.get()
        try:
            answer = await child.ask(_encode(request), seconds=PATIENCE)
        except TimeoutError:
            return _stopped(f"was not done in {PATIENCE:.0f} s", code="template_too_slow")
        finally:
            self._free.put_nowait(child)
        if answer[:1] == ENDED_WELL and len(answer) > 1:
            return _decode(answer[1:])
        return _killed(answer[1:])


def _killed(status: bytes) -> Answer:
    """The answer for a fork that could not give one: its limits ended it in the middle of C."""
    if status and status[0] in {signal.SIGXCPU, signal.SIGKILL}:
        return _stopped(
            f"took more than {CPU_SECONDS} s of processor time", code="template_too_slow"
        )
    return _stopped("needs more memory than a template has", code="template_out_of_memory")


def _stopped(message: str, *, code: str) -> Answer:
    return Answer(failure=Failure(code, message))
