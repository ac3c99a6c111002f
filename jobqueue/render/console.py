"""What a document's scripts say on the console, and which of them fail."""

from playwright import async_api

MAX_MESSAGES = 20
"""Of each kind; the first ones tell what is wrong. After them nobody listens any more, so that
a script that talks for ever fills no memory here."""

_MAX_LENGTH = 200
_MAX_QUOTED = 4


class Console:
    """The console of a page.

    Attributes:
        messages: what was logged, warnings and errors marked as such.
        exceptions: errors that no script caught.
    """

    def __init__(self, page: async_api.Page) -> None:
        self.messages: list[str] = []
        self.exceptions: list[str] = []
        self._page = page
        page.on("console", self._notice_message)
        page.on("pageerror", self._notice_exception)

    def _notice_message(self, message: async_api.ConsoleMessage) -> None:
        if len(self.messages) == MAX_MESSAGES:
            self._page.remove_listener("console", self._notice_message)
            return
        self.messages.append(_short(f"{message.type}: {message.text}"))

    def _notice_exception(self, error: async_api.Error) -> None:
        if len(self.exceptions) == MAX_MESSAGES:
            self._page.remove_listener("pageerror", self._notice_exception)
            return
        self.exceptions.append(_short(f"{error.name}: {error.message}"))

    def quoted(self) -> str:
        """The first exceptions and messages as the end of an error's message; may be empty."""
        exceptions = [f"exception: {each}" for each in self.exceptions]
        said = [*exceptions, *self.messages][:_MAX_QUOTED]
        return f"; console: {' | '.join(said)}" if said else ""


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_LENGTH else f"{line[: _MAX_LENGTH - 1]}…"
