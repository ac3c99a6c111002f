"""Logging: structlog; JSON lines on stderr in production, readable lines on a terminal.

Records of the standard library's `logging` (asyncio, aiohttp, botocore …) take the same way.
"""

import json
import logging
import re
import sys
import threading
from collections.abc import MutableMapping
from typing import Any

import msgspec
import structlog
from typing_extensions import override

from jobqueue.settings import LogSettings

SECRET_FIELDS = frozenset({"token", "password", "secret", "authorization", "secret_key"})
"""Fields that are masked whatever they hold."""

_SECRETS = re.compile(
    rb"""(?<=://)[^\s"'/]*(?=@)"""  # the login in a URL
    rb"""|(?<=Bearer )[^\s"']+"""
    rb"""|(?<=X-Amz-Signature=)\w+"""  # what makes a presigned link work
)

_SECRET_MARKS = (b"://", b"Bearer ", b"X-Amz-Signature=")
"""One of them is in every line with a match: looking for them costs far less."""

QUIET_LIBRARIES = ("aiobotocore", "boto3", "botocore", "urllib3")
"""Never below warning: at debug level they print signed requests and credentials."""

Event = MutableMapping[str, Any]


def configure_logging(settings: LogSettings) -> None:
    """Send all logging of this process to stderr.

    Args:
        settings: the least level that is written, and the format; `auto` is readable on a
            terminal and JSON lines elsewhere.
    """
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    is_console = settings.format == "console" or (settings.format == "auto" and sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,  # without local variables, which may be secret
            _mask_fields,
            _console() if is_console else _render_json,
            _mask_line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Stderr,
        cache_logger_on_first_use=True,
    )
    _route_standard_library(level)


class _Stderr:
    """Writes lines to whatever stderr is at the time; what structlog wraps."""

    _lock = threading.Lock()

    def __init__(self, name: str = "jobqueue") -> None:
        self.name = name

    def msg(self, line: bytes) -> None:
        try:
            with self._lock:
                sys.stderr.buffer.write(line + b"\n")
                sys.stderr.buffer.flush()
        except (OSError, ValueError):
            return  # nobody reads stderr any more: no reason to fail the work

    debug = info = warning = error = critical = log = msg


class _ToStructlog(logging.Handler):
    """Passes records of the standard library on."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        try:
            level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)
            logger = structlog.get_logger(record.name)
            logger.log(level, record.getMessage(), exc_info=record.exc_info)
        except Exception:  # noqa: BLE001 - the contract of logging.Handler
            self.handleError(record)


def _route_standard_library(level: int) -> None:
    root = logging.getLogger()
    for handler in [entry for entry in root.handlers if isinstance(entry, _ToStructlog)]:
        root.removeHandler(handler)
    root.addHandler(_ToStructlog())
    root.setLevel(level)
    for name in QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    # a line for every request only for those who look closely
    logging.getLogger("aiohttp.access").setLevel(
        level if level == logging.DEBUG else max(level, logging.WARNING)
    )


def _mask_fields(_logger: Any, _method: str, event: Event) -> Event:
    for field in SECRET_FIELDS & event.keys():
        event[field] = "***"
    return event


def _console() -> structlog.typing.Processor:
    renderer = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )

    def render(logger: Any, method: str, event: Event) -> bytes:
        return str(renderer(logger, method, event)).encode(errors="backslashreplace")

    return render


def _render_json(_logger: Any, _method: str, event: Event) -> bytes:
    line = {
        "timestamp": event.pop("timestamp"),
        "level": event.pop("level"),
        "event": event.pop("event"),
        **event,
    }
    try:
        return _ENCODER.encode(line)
    except Exception:  # noqa: BLE001 - what JSON cannot hold is no reason to fail the work
        texts = {
            key: value if isinstance(value, str) else ascii(value) for key, value in line.items()
        }
        return json.dumps(texts).encode()


def _mask_line(_logger: Any, _method: str, line: Any) -> bytes:
    if any(mark in line for mark in _SECRET_MARKS):
        return _SECRETS.sub(b"***", line)
    return bytes(line)


_ENCODER = msgspec.json.Encoder(enc_hook=repr)
