"""All settings: groups, keys, defaults and limits. Values only; `config.py` reads them.

Durations are seconds unless a name ends in `_ms`; sizes are bytes.
"""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from jobqueue.host_rules import parse_host_rule
from jobqueue.jwt_settings import JwtSettings, split_words
from jobqueue.redis_url import parse_redis_url
from jobqueue.setting_group import Group

MIB = 1024 * 1024

MAX_STARTS = 100_000
"""Most starts of a rate: a worker remembers the time of each."""

MAX_RATE_SECONDS = 86_400
"""Longest time of a rate: a worker that is started anew remembers nothing of before."""

_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")


def _redis_url(url: str) -> str:
    if url != "embedded:":
        parse_redis_url(url)
    return url


def _path(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("must not hold a NUL character")
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError("must name a user of this machine after its ~") from None


def _storage_url(url: str) -> str:
    if "\0" in unquote(url):
        raise ValueError("must not hold a NUL character")
    if url.startswith("s3://") and not urlsplit(url).netloc:
        raise ValueError("must name a bucket: s3://bucket/prefix")
    if not url.startswith(("file:", "s3://")):
        raise ValueError("must be file: (a folder) or s3://bucket/prefix")
    return url


def _not_empty(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value():
        raise ValueError("must not be empty")
    return secret


def _slots_by_queue(value: Any) -> Any:
    """Takes `reports=2,mail=50` for `{"reports": 2, "mail": 50}`."""
    return _by_queue(value, example="reports=2,mail=50")


def _rates_by_queue(value: Any) -> Any:
    """Takes `mail=100/60` for `{"mail": "100/60"}`."""
    return _by_queue(value, example="mail=100/60,sms=1/1")


def _by_queue(value: Any, *, example: str) -> Any:
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in value.split(",")]
    if not all(name.strip() and setting.strip() for name, _, setting in pairs):
        raise ValueError(f"must be like {example}")
    setting_of = {name.strip(): setting.strip() for name, _, setting in pairs}
    if len(setting_of) < len(pairs):
        raise ValueError("must name each queue once")
    return setting_of


def _rate(text: str) -> str:
    count, _, seconds = text.partition("/")
    if not (count.isdecimal() and 1 <= int(count) <= MAX_STARTS and _SECONDS.fullmatch(seconds)):
        raise ValueError("must be like 100/60: starts, seconds")
    if not 0 < float(seconds) <= MAX_RATE_SECONDS:
        raise ValueError(f"must be over at most {MAX_RATE_SECONDS} seconds, and over some")
    return text


def _host_rules(value: Any) -> Any:
    """Takes `a.com,*.b.com` for `["a.com", "*.b.com"]`."""
    if isinstance(value, str):
        return [part for part in map(str.strip, value.split(",")) if part]
    return value


def _host_rule(text: str) -> str:
    parse_host_rule(text)
    return text


FilePath = Annotated[Path, AfterValidator(_path)]
Seconds = Annotated[float, Field(gt=0)]
QueueName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Slots = Annotated[int, Field(ge=1, le=10_000)]
Rate = Annotated[str, AfterValidator(_rate)]
HostRuleText = Annotated[str, AfterValidator(_host_rule)]
Origin = Annotated[str, Field(pattern=r"^https?://[^/\s*]+$")]


class RedisSettings(Group):
    """Where the queues live."""

    url: Annotated[str, AfterValidator(_redis_url)] = "embedded:"
    namespace: str = Field("jobqueue", pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    allow_unsafe: bool = False
    """Start on a Redis that may drop jobs or is too old for the scripts."""


class StorageSettings(Group):
    """Where documents live: `file:` (a folder, default under data_dir) or `s3://bucket/prefix`."""

    url: Annotated[str, AfterValidator(_storage_url)] = "file:"
    endpoint_url: str | None = None
    region: str | None = None
    retention: Seconds | None = None
    """How long a document is kept; None: for ever."""
    link_expiry: Seconds = 3600.0
    """How long a presigned link works."""


class HttpSettings(Group):
    """The listener of each role."""

    host: str = "127.0.0.1"
    port: int | None = Field(None, ge=0, le=65535)
    token: Annotated[SecretStr, AfterValidator(_not_empty)] | None = None
    allow_anonymous: bool = False
    max_body: int = Field(64 * MIB, gt=0)
    cors_origins: Annotated[tuple[Origin, ...], BeforeValidator(split_words)] = ()
    """Pages that may call from a browser: `https://app.example.com`."""
    jwt: JwtSettings = JwtSettings()


class WorkerSettings(Group):
    """What a worker runs, and how much of it at once."""

    id: str | None = Field(None, pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    queues: Annotated[dict[QueueName, Slots], BeforeValidator(_slots_by_queue)] = Field(
        default_factory=dict
    )
    """Slots of each queue; empty: all queues of all known types, `concurrency` each."""
    concurrency: int = Field(2, ge=1, le=10_000)
    rates: Annotated[dict[QueueName, Rate], BeforeValidator(_rates_by_queue)] = Field(
        default_factory=dict
    )
    """Most starts of a queue in each process: `100/60` is 100 in any 60 s."""
    processes: int = Field(1, ge=1, le=256)
    lease: Seconds = 15.0
    drain: float = Field(25.0, ge=0)


class RenderSettings(Group):
    """The browser pool."""

    sandbox: Literal["auto", "on", "off"] = "auto"
    executable_path: FilePath | None = None
    """None: `chromium-headless-shell`, `chromium` … of the PATH, else Playwright's own."""
    slots: int = Field(default_factory=lambda: len(os.sched_getaffinity(0)), ge=1, le=256)
    templates: FilePath | None = None
    """A folder of users' templates, read at start; None: only those shipped and those stored."""
    source_date_epoch: int | None = Field(None, ge=0, le=253_402_300_799)
    """Unix time that reproducible documents say they were made at, where they name none."""
    allow_hosts: Annotated[tuple[HostRuleText, ...], BeforeValidator(_host_rules)] = ()
    """Hosts that documents may load from, see `host_rules`; empty: no network at all."""
    deny_hosts: Annotated[tuple[HostRuleText, ...], BeforeValidator(_host_rules)] = ()
    """Exceptions from those: names and networks, at any port where a rule names none."""


class RetentionSettings(Group):
    """How long and how many finished jobs are kept in each queue."""

    completed: Seconds = 24 * 3600.0
    completed_count: int = Field(100_000, ge=0)
    cancelled: Seconds = 24 * 3600.0
    cancelled_count: int = Field(100_000, ge=0)
    dead: Seconds = 30 * 24 * 3600.0
    dead_count: int = Field(100_000, ge=0)


class LimitSettings(Group):
    """What is too much."""

    max_attempts: int = Field(3, ge=1, le=100)
    """Attempts of a job whose type and submit do not say otherwise."""
    payload: int = Field(1 * MIB, gt=0)
    """Largest payload of one job."""
    result: int = Field(16 * MIB, gt=0)
    """Largest result of one job."""
    inline: int = Field(64 * 1024, gt=0)
    """Largest payload or result that is kept in Redis; a larger one goes to the storage."""
    bulk: int = Field(10_000, gt=0)
    """Most jobs in one bulk submit."""
    html: int = Field(64 * MIB, gt=0)
    """Largest document to be rendered, as HTML, its images included."""
    pages: int = Field(10_000, gt=0)
    """Most pages of a rendered document."""
    document: int = Field(512 * MIB, gt=0)
    """Largest rendered document."""


class LogSettings(Group):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"
    """auto: readable on a terminal, JSON lines elsewhere."""


class Settings(Group):
    """Everything that can be set."""

    data_dir: FilePath = Path(".jobqueue")
    redis: RedisSettings = RedisSettings()
    storage: StorageSettings = StorageSettings()
    http: HttpSettings = HttpSettings()
    worker: WorkerSettings = WorkerSettings()
    render: RenderSettings = RenderSettings()
    retention: RetentionSettings = RetentionSettings()
    limits: LimitSettings = LimitSettings()
    log: LogSettings = LogSettings()
