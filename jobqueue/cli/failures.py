"""What went wrong, as one line for a person and an exit code for a script."""

from enum import IntEnum

import click
from rich.console import Console
from rich.text import Text

from jobqueue.access_errors import KeyNotFound
from jobqueue.errors import (
    Conflict,
    DocumentGone,
    InvalidRequest,
    JobNotFound,
    JobqueueError,
    ServerUnreachable,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
)

SHOWN_FIELDS = 5
"""Wrong fields that one line names; a reader fixes the first ones first."""


class Exit(IntEnum):
    """The exit codes of every verb."""

    OK = 0
    FAILED = 1
    """The job ended dead or cancelled, is unknown, or its state does not allow it."""
    USAGE = 2
    UNREACHABLE = 3
    TIMED_OUT = 4
    BUG = 70
    """EX_SOFTWARE of sysexits.h."""
    INTERRUPTED = 130
    """As a shell reports a program that Ctrl-C ended."""
    BROKEN_PIPE = 141
    """As a shell reports a program that SIGPIPE ended."""


def explain(error: BaseException) -> tuple[Exit, str]:
    """The exit code and the one line for an error."""
    if isinstance(error, BaseExceptionGroup):
        return explain(error.exceptions[0])
    if isinstance(error, click.ClickException):
        return Exit.USAGE, one_line(_usage(error))
    if isinstance(error, JobqueueError):
        return _exit_code(error), one_line(_words(error))
    if isinstance(error, TimeoutError):
        return Exit.TIMED_OUT, one_line(str(error))
    refusal = _refusal_of_the_system(error)
    if refusal is not None:
        return Exit.USAGE, refusal
    what = one_line(f"{type(error).__name__}: {error}")
    return Exit.BUG, f"unexpected {what}; run it again with --debug for the traceback"


def _refusal_of_the_system(error: BaseException) -> str | None:
    """What the system has against an argument."""
    if isinstance(error, UnicodeEncodeError):
        return "an argument is not UTF-8 text"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return None


def one_line(text: str) -> str:
    """`text` without line breaks and control characters: it may come from a job."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())


def complain(message: str) -> None:
    """Write one line about an error to stderr."""
    Console(stderr=True, soft_wrap=True, highlight=False).print(
        Text.assemble(("error: ", "bold red"), message)
    )


def _exit_code(error: JobqueueError) -> Exit:
    if isinstance(error, (JobNotFound, KeyNotFound, Conflict, DocumentGone)):
        return Exit.FAILED
    if isinstance(error, (ServerUnreachable, UnexpectedAnswer, Unavailable)):
        return Exit.UNREACHABLE
    return Exit.USAGE if type(error) is not JobqueueError else Exit.BUG


def _words(error: JobqueueError) -> str:
    """The message, and what helps beside it: each wrong field, or where a token is set."""
    if isinstance(error, Unauthorized):
        return f"{error}: set JOBQUEUE_TOKEN to an API key or the token of the service"
    if type(error) is not InvalidRequest or not error.errors:
        return str(error)  # what is unknown is named in the message
    fields = [f"{field.path or '/'}: {field.message}" for field in error.errors[:SHOWN_FIELDS]]
    more = len(error.errors) - SHOWN_FIELDS
    return f"{error}: " + "; ".join(fields) + (f"; and {more} more" if more > 0 else "")


def _usage(error: click.ClickException) -> str:
    """Click's message, and where to read what is right."""
    message = error.format_message()
    if not isinstance(error, click.UsageError):
        return message
    command = error.ctx.command_path if error.ctx else "jobqueue"
    return f"{message.rstrip('.')} (see `{command} --help`)"
