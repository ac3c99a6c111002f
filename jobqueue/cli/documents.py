"""Saving the document that a job made."""

import sys
from pathlib import Path
from typing import Any, TypeGuard

import click
from rich.text import Text

from jobqueue.cli import show
from jobqueue.client import Client, JobDocument
from jobqueue.errors import DocumentGone

STDOUT = Path("-")


def out_option(command: Any) -> Any:
    """`--out` of a verb that can save a document."""
    return click.option(
        "--out",
        type=click.Path(path_type=Path, writable=True, allow_dash=True),
        callback=_in_a_folder,
        help="Save the document here (a file, a folder, or - for standard output).",
    )(command)


def _in_a_folder(
    _context: click.Context, _parameter: click.Parameter, path: Path | None
) -> Path | None:
    if path and not path.parent.is_dir():
        raise click.BadParameter(f"there is no folder {path.parent}")
    return path


def is_document(result: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a job's result describes a stored document."""
    return isinstance(result, dict) and "document" in result and "filename" in result


def describe(result: dict[str, Any]) -> str:
    """Pages and size of a document, e.g. `2 pages, 34 KiB`."""
    pages = [show.count(result["pages"], "page")] if result.get("pages") else []
    return ", ".join([*pages, show.size(result["bytes"])])


async def deliver(client: Client, job: JobDocument, *, out: Path | None, as_json: bool) -> None:
    """Print what a completed job gave, or save its document to `out`.

    Args:
        client: the service's.
        job: its document, with the result.
        out: a file, a folder, `-`, or None: print the result.
        as_json: the document of the job has been printed; keep standard output clean.
    """
    result = job.get("result")
    if out:
        await _save(client, job, out, quiet=as_json or out == STDOUT)
        return
    if not as_json:
        show.print_json(result)
    if is_document(result):
        show.notes().print(f"to save it: jobqueue result {job['id']} --out {result['filename']}")


async def _save(client: Client, job: JobDocument, out: Path, *, quiet: bool) -> None:
    result = job.get("result")
    if not is_document(result):
        raise DocumentGone(
            f"{job['id']} made no document; to print its result: jobqueue result {job['id']}"
        )
    for warning in result["warnings"]:
        show.notes().print(Text.assemble(("warning: ", "yellow"), show.text(warning)))
    path = _file(out, result["filename"])
    await client.download(job["id"], sys.stdout.buffer if out == STDOUT else path)
    if not quiet:
        click.echo(f"{path}: {describe(result)}")


def _file(out: Path, filename: str) -> Path:
    """`out`, or the document's own name in that folder."""
    return out / Path(filename).name if out.is_dir() else out
