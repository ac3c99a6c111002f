"""Query parameters: known ones only, each once, each of the right form."""

from collections.abc import Collection

import msgspec
from aiohttp import web

from jobqueue.app.listing import MAX_PAGE, JobFilter
from jobqueue.app.requests import MAX_WAIT, Wait
from jobqueue.errors import FieldError, InvalidRequest
from jobqueue.http.documents import INCLUDABLE
from jobqueue.registry import NAME
from jobqueue.state import STATE_ALIASES, State, parse_state

DEFAULT_PAGE = 50
"""Jobs of a page unless `limit` says otherwise: a screenful or two."""

FILTERS = ("state", "queue", "type", "tag", "tenant")
PAGING = ("limit", "cursor", "include")


class Query:
    """The parameters of a request; what is wrong with them is raised all at once."""

    def __init__(self, request: web.Request, known: Collection[str]) -> None:
        self._errors: list[FieldError] = []
        self._values: dict[str, str] = {}
        for name, value in request.query.items():
            if name not in known:
                options = f": there are {', '.join(known)}" if known else ""
                self.wrong(name, f"unknown query parameter{options}")
            elif name in self._values:
                self.wrong(name, "is given twice")
            self._values[name] = value

    def wrong(self, name: str, message: str) -> None:
        """Note what is wrong with a parameter."""
        self._errors.append(FieldError(f"/{name}", message))

    def check(self) -> None:
        """Raise InvalidRequest if anything is wrong."""
        if self._errors:
            raise InvalidRequest("the query is wrong", tuple(self._errors))

    def text(self, name: str) -> str | None:
        """A parameter as it is; None: not given, or empty."""
        return self._values.get(name) or None

    def name(self, parameter: str) -> str | None:
        """A parameter that is the name of a queue or type."""
        value = self.text(parameter)
        if value is not None and not NAME.fullmatch(value):
            self.wrong(parameter, "use lower-case letters, digits and hyphens, at most 63")
        return value

    def flag(self, name: str) -> bool:
        """A parameter that is `true` or `false`, by default false."""
        value = self.text(name) or "false"
        if value not in {"true", "false"}:
            self.wrong(name, "must be true or false")
        return value == "true"

    def seconds(self, name: str) -> float | None:
        """A parameter that is a span in seconds; None: not given."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return msgspec.convert(value, Wait, strict=False)
        except msgspec.ValidationError:
            self.wrong(name, f"must be a number of seconds from 0 to {MAX_WAIT}")
            return None

    def include(self, known_parts: Collection[str] = INCLUDABLE) -> frozenset[str]:
        """The parts that `include` names."""
        names = frozenset((self.text("include") or "").split(",")) - {""}
        if unknown := names.difference(known_parts):
            known = ", ".join(known_parts)
            self.wrong("include", f"does not know {', '.join(sorted(unknown))}: there are {known}")
        return names

    def limit(self) -> int:
        """How many jobs a page has."""
        value = self.text("limit")
        if value is None:
            return DEFAULT_PAGE
        # few digits: int() takes long over many
        number = int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 0  # noqa: PLR2004 - as said
        if not 1 <= number <= MAX_PAGE:
            self.wrong("limit", f"must be a number from 1 to {MAX_PAGE}")
        return number

    def state(self) -> State | None:
        """The state, by its own name or another system's."""
        value = self.text("state")
        state = parse_state(value) if value is not None else None
        if value is not None and state is None:
            self.wrong("state", f"must be one of {', '.join((*State, *STATE_ALIASES))}")
        return state

    def job_filter(self) -> JobFilter:
        """Which jobs a listing is about."""
        return JobFilter(
            state=self.state(),
            queue=self.name("queue"),
            type=self.name("type"),
            tag=self.text("tag"),
            tenant=self.text("tenant"),
        )


def no_query(request: web.Request) -> None:
    """Refuse all query parameters."""
    if request.query_string:
        Query(request, ()).check()
