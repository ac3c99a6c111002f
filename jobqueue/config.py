"""Reads the settings: a TOML file, `.env`, the environment, arguments; the later one wins.

The short names of variables that people already use (`REDIS_URL`, `WORKER_COUNT` …) work
too; the long one, `JOBQUEUE_<GROUP>__<KEY>`, wins over them wherever both are given.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from dotenv import dotenv_values
from pydantic import ValidationError

from jobqueue.errors import SettingsError
from jobqueue.setting_group import Group
from jobqueue.settings import Settings

Key = tuple[str, ...]
"""Where a setting is: `("worker", "lease")`, or `("data_dir",)`."""

DEFAULT_CONFIG = Path("config", "jobqueue.toml")
PREFIX = "JOBQUEUE_"
CLI_VARIABLES = frozenset({"JOBQUEUE_URL", "JOBQUEUE_TOKEN"})
"""Where the service is and how to log in: read by the client verbs, not settings."""

_KUBERNETES = re.compile(r"JOBQUEUE_(.+_)?(SERVICE_HOST|SERVICE_PORT.*|PORT_\d+_.*)")
"""What Kubernetes puts into every pod beside a Service named jobqueue."""

_PASSWORD = re.compile(r"(?<=://).*(?=@)|(?<=password=)[^&']*")
SECRETS = frozenset({("http", "token"), ("http", "jwt", "secret")})
"""Keys whose values are never shown."""


class _Variable(NamedTuple):
    value: str
    source: str


class _Value(NamedTuple):
    value: Any
    label: str
    """How its author knows it: the name and where it was given."""


class _Short(NamedTuple):
    key: Key
    convert: Callable[[str], Any]
    allowed: str


SHORT_NAMES = {
    "REDIS_URL": _Short(("redis", "url"), str, "a URL"),
    "WORKER_COUNT": _Short(("worker", "processes"), int, "a whole number"),
    "WORKER_CONCURRENCY": _Short(("worker", "concurrency"), int, "a whole number"),
    "WORKER_LOCK_DURATION": _Short(
        ("worker", "lease"), lambda text: float(text) / 1000, "a number of milliseconds"
    ),
    "WORKER_ID": _Short(("worker", "id"), str, "a name"),
    "MAX_RETRIES": _Short(("limits", "max_attempts"), lambda text: int(text) + 1, "a whole number"),
    "REPORTS_BUCKET_NAME": _Short(("storage", "url"), "s3://{}".format, "a bucket"),
    "AWS_REGION": _Short(("storage", "region"), str, "a region"),
    "SOURCE_DATE_EPOCH": _Short(("render", "source_date_epoch"), int, "a whole number"),
    "PORT": _Short(("http", "port"), int, "a whole number"),
}
REDIS_PARTS = ("REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD", "REDIS_DB")


def load_settings(
    *,
    config: Path | None = None,
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] = os.environ,
    cwd: Path | None = None,
) -> tuple[Settings, list[str]]:
    """Gather the settings from everywhere they may be given.

    Args:
        config: a TOML file that must exist; None: `config/jobqueue.toml`, if there.
        flags: what the command line or the caller says, nested like `Settings`; a key that
            is None was not given.
        environ: the environment.
        cwd: the folder of `.env` and `config/`, and of a relative `data_dir`.

    Returns:
        The settings, and warnings for the log.

    Raises:
        SettingsError: one line that names the key, where it was given and what is allowed.
    """
    cwd = cwd or Path.cwd()
    variables, warnings = _variables(cwd / ".env", environ)
    values = {
        **_from_file(config, cwd),
        **_from_short_names(variables, warnings),
        **_from_long_names(variables, warnings),
        **_from_flags(flags or {}),
    }
    settings = _validate(values)
    data_dir = cwd / settings.data_dir
    return settings.model_copy(update={"data_dir": data_dir}), warnings


def _known_keys(group: type[Group], above: Key = ()) -> Iterator[Key]:
    for name, field in group.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Group):
            yield from _known_keys(field.annotation, (*above, name))
        else:
            yield (*above, name)


KEYS = {".".join(key): key for key in _known_keys(Settings)}
GROUPS = {".".join(key[:depth]) for key in KEYS.values() for depth in range(1, len(key))}
LONG_NAMES = {PREFIX + "__".join(key).upper(): key for key in KEYS.values()}


def _from_file(config: Path | None, cwd: Path) -> dict[Key, _Value]:
    path = cwd / (config or DEFAULT_CONFIG)
    if config is None and not path.is_file():
        return {}
    name = config or DEFAULT_CONFIG
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read {name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"cannot read {name}: it is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{name} is not TOML: {error}") from None
    return dict(_flatten(tree, f"{{}} in {name}"))


def _from_flags(flags: Mapping[str, Any]) -> dict[Key, _Value]:
    values = dict(_flatten(flags, "argument {}"))
    return {key: entry for key, entry in values.items() if entry.value is not None}


def _flatten(tree: Mapping[str, Any], label: str, above: str = "") -> Iterator[tuple[Key, _Value]]:
    for name, entry in tree.items():
        dotted = f"{above}{name}"
        if dotted not in GROUPS:
            yield _known(dotted, label), _Value(entry, label.format(dotted))
        elif not isinstance(entry, Mapping):
            raise SettingsError(f"{label.format(dotted)}: must be a table of settings")
        else:
            yield from _flatten(entry, label, f"{dotted}.")


def _known(dotted: str, label: str) -> Key:
    if dotted in KEYS:
        return KEYS[dotted]
    raise SettingsError(
        f"{label.format(dotted)}: no such setting{_did_you_mean(dotted, [*KEYS, *GROUPS])}"
    )


def _did_you_mean(name: str, names: list[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _variables(dotenv: Path, environ: Mapping[str, str]) -> tuple[dict[str, _Variable], list[str]]:
    """All variables that are set to something, the environment's before those of `.env`."""
    warnings: list[str] = []
    variables = {
        name: _Variable(value.strip(), source)
        for source, entries in ((".env", _read_dotenv(dotenv)), ("the environment", environ))
        for name, value in entries.items()
        if value and value.strip()
    }
    ours = SHORT_NAMES.keys() | set(REDIS_PARTS)
    for name, (value, source) in list(variables.items()):
        is_ours = name in ours or name.startswith(PREFIX)
        if is_ours and name.endswith("PORT") and value.startswith("tcp://"):
            warnings.append(f"{name} in {source}: ignored, {value} is an address, not a port")
            del variables[name]
    return variables, warnings


def _read_dotenv(path: Path) -> dict[str, str | None]:
    if not path.is_file():
        return {}
    try:
        # a `$` in a password means itself
        return dotenv_values(path, interpolate=False)
    except OSError as error:
        raise SettingsError(f"cannot read .env: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError("cannot read .env: it is not UTF-8 text") from None


def _from_long_names(variables: Mapping[str, _Variable], warnings: list[str]) -> dict[Key, _Value]:
    values = {}
    for name, (value, source) in variables.items():
        if name in LONG_NAMES:
            values[LONG_NAMES[name]] = _Value(value, f"{name} in {source}")
        elif (
            name.startswith(PREFIX)
            and name not in CLI_VARIABLES
            and not _KUBERNETES.fullmatch(name)
        ):
            hint = _did_you_mean(name, list(LONG_NAMES))
            warnings.append(f"{name} in {source}: no such setting, ignored{hint}")
    return values


def _from_short_names(variables: Mapping[str, _Variable], warnings: list[str]) -> dict[Key, _Value]:
    values = _from_redis_parts(variables, warnings)
    for name, short in SHORT_NAMES.items():
        if name not in variables or _long_name(short.key) in variables:
            continue
        value, source = variables[name]
        try:
            converted = short.convert(value)
        except ValueError:
            raise SettingsError(
                f"{name} in {source}: must be {short.allowed} (got {value!r})"
            ) from None
        label = f"{name} in {source} ({'.'.join(short.key)})"
        values[short.key] = _Value(converted, label)
    return values


def _from_redis_parts(variables: Mapping[str, _Variable], warnings: list[str]) -> dict[Key, _Value]:
    given = [name for name in REDIS_PARTS if name in variables]
    if not given or "REDIS_URL" in variables or _long_name(("redis", "url")) in variables:
        return {}
    if not {"REDIS_HOST", "REDIS_PORT"} & set(given):
        warnings.append(f"{', '.join(given)}: ignored without REDIS_HOST")
        return {}
    host, port, password, db = (
        variables[name].value if name in variables else "" for name in REDIS_PARTS
    )
    host = f"[{host}]" if ":" in host else host
    login = f":{quote(password, safe='')}@" if password else ""
    url = f"redis://{login}{host or 'localhost'}:{port or 6379}/{db or 0}"
    label = f"{', '.join(given)} in {variables[given[0]].source} (redis.url)"
    return {("redis", "url"): _Value(url, label)}


def _long_name(key: Key) -> str:
    return PREFIX + "__".join(key).upper()


def _validate(values: Mapping[Key, _Value]) -> Settings:
    tree: dict[str, Any] = {}
    for key, entry in values.items():
        branch = tree
        for part in key[:-1]:
            branch = branch.setdefault(part, {})
        branch[key[-1]] = entry.value
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        lines = [
            _explain(values, tuple(map(str, problem["loc"])), problem["msg"], problem["input"])
            for problem in error.errors()
        ]
        raise SettingsError("; ".join(lines)) from None


def _explain(values: Mapping[Key, _Value], place: Key, message: str, given: Any) -> str:
    """One problem as its author can find it: `WORKER_COUNT in .env (…): must be …, not 0`."""
    message = message.removeprefix("Value error, ")
    if ".".join(place) in GROUPS:  # its settings do not go together
        return (
            f"{next(values[key].label for key in values if key[: len(place)] == place)}: {message}"
        )
    key = next(key for key in values if key == place[: len(key)])
    within = "".join(f", {part}" for part in place[len(key) :] if part != "[key]")
    message = re.sub(r"^(Input|String|Value) should", "must", message)
    got = "" if key in SECRETS else f" (got {_PASSWORD.sub('***', repr(given))})"
    return f"{values[key].label}{within}: {message}{got}"
