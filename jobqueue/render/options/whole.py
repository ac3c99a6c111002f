"""All options of a report, validated as a whole."""

from collections.abc import Iterator
from typing import Any, Self

from pydantic import ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError
from typing_extensions import override

from jobqueue.render.options.base import Problem, is_given
from jobqueue.render.options.fields import Filename
from jobqueue.render.options.finish import FinishOptions
from jobqueue.render.options.network import NetworkOptions
from jobqueue.render.options.output import OutputOptions


class RenderOptions(NetworkOptions, FinishOptions, OutputOptions):
    """What a document is to look like, and the name of its file.

    Lengths are given as numbers (inches) or texts with a unit (`px`, `in`, `cm`,
    `mm`) and are inches here. A key that is null counts as not given. Header and
    footer are HTML of their own in the margins, in which Chromium fills elements
    of the classes `pageNumber`, `totalPages`, `title` and `date`.
    """

    filename: Filename | None = None
    """Name of the file; made from the document's title when not given."""

    @override
    def wrong_together(self) -> Iterator[Problem]:
        yield from super().wrong_together()
        if self.output != "pdf":
            for name in FinishOptions.model_fields:
                if is_given(getattr(self, name)):
                    yield name, f"is for output pdf, not {self.output}"

    @model_validator(mode="wrap")
    @classmethod
    def _validate_as_a_whole(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Report wrong fields and wrong combinations together."""
        if not isinstance(data, dict):
            return handler(data)
        given = {
            key: value
            for key, value in data.items()
            if value is not None or key not in cls.model_fields
        }
        problems = list(cls.wrong_given(given))
        options: Self | None = None
        details: list[InitErrorDetails] = []
        try:
            options = handler(given)
        except ValidationError as error:
            details = [_detail(e["loc"], _message(e)) for e in error.errors()]
        else:
            problems += options.wrong_together()
        if options is None or problems:
            details += [_detail((name,), message) for name, message in problems]
            raise ValidationError.from_exception_data(cls.__name__, details)
        return options


def _message(error: Any) -> str:
    """One pydantic error in the words of an API's user."""
    if error["type"] == "extra_forbidden" and len(error["loc"]) > 1:
        return "is not known here"
    if error["type"] == "extra_forbidden":
        return f"is not an option; there are {', '.join(RenderOptions.model_fields)}"
    text: str = error["msg"]
    return text.removeprefix("Value error, ").replace("Input should be", "must be")


def _detail(path: tuple[int | str, ...], message: str) -> InitErrorDetails:
    error = PydanticCustomError("pdf_option", "{message}", {"message": message})
    return InitErrorDetails(type=error, loc=path, input=None)
