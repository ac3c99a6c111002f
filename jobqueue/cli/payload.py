"""What `submit` sends: payloads out of files, standard input and arguments."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

REPORT_TYPE = "report-generation"
"""The type whose payload `--template`, `--html` and `--option` make up."""

TEXTS = (
    "color_scheme",
    "filename",
    "footer_html",
    "format",
    "header_html",
    "locale",
    "media",
    "output",
    "page_ranges",
    "pdf_a",
    "selector",
    "timezone",
    "user_agent",
    "wait_expression",
    "wait_selector",
)
"""Options that are texts, also where they look like a number."""


def payload(
    job_type: str,
    *,
    data: str | None,
    template: str | None,
    html: str | None,
    options: Sequence[str],
) -> Any:
    """The payload of a submit; JSON that was given goes out byte for byte.

    Args:
        job_type: name of the job type.
        data: `--data`: the payload, or with `template` the template's data.
        template: `--template`.
        html: `--html`.
        options: each `--option`, as `name=value`.
    """
    content = _json("--data", data) if data is not None else msgspec.Raw(b"{}")
    if template is None and html is None and not options:
        return content
    if job_type != REPORT_TYPE:
        raise click.UsageError(f"--template, --html and --option belong to {REPORT_TYPE}")
    if (template is None) == (html is None):
        raise click.UsageError("give --template or --html: one of them, or the payload in --data")
    if html is not None and data is not None:
        raise click.UsageError("--html is the whole document: --data goes with --template")
    source = {"html": read("--html", html)} if html else {"template": template, "data": content}
    return {**source, "options": dict(map(_option, options))} if options else source


def read(name: str, argument: str) -> str:
    """The text that an argument stands for: `@file`, `-` (standard input), or itself."""
    try:
        if argument in {"-", "@-"}:
            return sys.stdin.buffer.read().decode("utf-8-sig")
        if argument.startswith("@"):
            return Path(argument[1:]).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise click.UsageError(f"{name}: cannot read {argument[1:]}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise click.UsageError(f"{name}: {argument} is not UTF-8 text") from None
    return argument


def _json(name: str, argument: str) -> msgspec.Raw:
    text = read(name, argument)
    try:
        json.loads(text, parse_constant=_refuse)
    except ValueError as error:
        is_inline = text is argument
        hint = f"; did you mean @{text}?" if is_inline and Path(text[:255]).is_file() else ""
        where = "" if is_inline else f" {argument}"
        raise click.UsageError(f"{name}{where} is not JSON: {error}{hint}") from None
    return msgspec.Raw(text.encode())


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a JSON number")


def _option(argument: str) -> tuple[str, Any]:
    """`landscape=true` as name and value; what is not JSON is a text, like `2cm`."""
    name, equals, text = argument.partition("=")
    if not equals or not name:
        raise click.UsageError(f"--option {argument}: write it as name=value")
    if name in TEXTS:
        return name, text
    try:
        return name, json.loads(text, parse_constant=_refuse)
    except ValueError:
        return name, text
