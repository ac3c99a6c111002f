"""Templates: list, read, put, delete, preview."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from pydantic import ValidationError

from jobqueue.app.requests import JobRequest
from jobqueue.conflicts import NotReady
from jobqueue.errors import FieldError, InvalidRequest, TemplateNotFound, UnknownTemplate
from jobqueue.jobs.report_generation import NAME as REPORT_TYPE
from jobqueue.jobs.template_keys import split_label
from jobqueue.jobs.template_shelf import TemplateShelf
from jobqueue.render.options import RenderOptions
from jobqueue.render.template_files import SCHEMA, TEMPLATE, TemplateFiles
from jobqueue.schema_errors import pointer

if TYPE_CHECKING:
    from jobqueue.app.jobs import Jobs
    from jobqueue.model import Job

PREVIEW_SECONDS = 60.0
"""Seconds that a preview may take: somebody waits for it."""

PREVIEW_KEPT = 600.0
"""Seconds for which the job of a preview is kept: nobody looks at it again."""


class TemplateInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What there is of a template.

    Attributes:
        origin: `shipped` with the program, on `disk` (render.templates), or `stored`.
        version: the newest of a stored one.
        versions: all that can be asked for, and when each was put, Unix time in seconds.
    """

    name: str
    origin: str
    version: int | None = None
    versions: Mapping[int, float] = {}


class Templates:
    """What people do with templates.

    Args:
        shelf: where they are.
        jobs: prints previews, which only workers can.
    """

    def __init__(self, shelf: TemplateShelf, jobs: "Jobs") -> None:
        self._shelf = shelf
        self._jobs = jobs

    def for_jobs(self, jobs: "Jobs") -> "Templates":
        """The same, whose previews are printed by other `jobs`."""
        return Templates(self._shelf, jobs)

    async def list(self) -> list[TemplateInfo]:
        """All templates, by name.

        Raises:
            StorageUnavailable: the storage does not answer.
        """
        shipped = [
            TemplateInfo(name=each, origin="shipped") for each in self._shelf.shipped.names()
        ]
        on_disk = [TemplateInfo(name=each, origin="disk") for each in self._shelf.on_disk]
        stored = [
            _stored(name, {number: versions.written[number] for number in versions.shown})
            for name, versions in (await self._shelf.store.all()).items()
            if versions.shown and name not in self._shelf.on_disk
        ]
        return sorted([*shipped, *on_disk, *stored], key=lambda each: each.name)

    async def read(self, name: str, version: int | None) -> tuple[TemplateInfo, TemplateFiles]:
        """A template with its files; the newest version where none is named.

        Raises:
            TemplateNotFound: there is none.
            StorageUnavailable: the storage does not answer.
        """
        if name in self._shelf.shipped.names():
            if version is not None:
                raise TemplateNotFound(f"template {name!r} is shipped: it has no versions")
            return TemplateInfo(name=name, origin="shipped"), self._shelf.shipped.files(name)
        files = await self._find(name, version)
        if not files.version:
            return TemplateInfo(name=name, origin="disk"), files
        versions = await self._shelf.store.versions(name)
        times = {number: versions.written[number] for number in versions.shown}
        return _stored(name, times, files.version), files

    async def put(self, name: str, files: dict[str, bytes]) -> TemplateFiles:
        """Store a new version; see `TemplateShelf.put`."""
        return await self._shelf.put(name, files)

    async def delete(self, name: str) -> None:
        """Hide a template; jobs that have one of its versions go on.

        Raises:
            TemplateNotFound: there is none.
            InvalidRequest: it is not one of the stored ones.
            StorageUnavailable: the storage does not answer.
        """
        try:
            await self._shelf.hide(name)
        except UnknownTemplate as error:
            raise TemplateNotFound(str(error)) from None

    async def preview_html(self, name: str, version: int | None, asked: Mapping[str, Any]) -> str:
        """The HTML of a template with its sample, or with the `data` that is asked for.

        Raises:
            TemplateNotFound: there is none.
            InvalidRequest: names every wrong field.
            Unrecoverable: the template fails.
        """
        options = _options(asked)
        if name in self._shelf.shipped.names():
            shipped = self._shelf.shipped
            data = asked.get("data", shipped.sample(name))
            shipped.validate(name, data, at="/data")
            return await shipped.render(name, data, options)
        template = await self._find(name, version)
        data = _object(asked.get("data", template.sample()))
        await self._shelf.filler.validate(template, data, at="/data")
        return await self._shelf.filler.fill(template, data, options)

    async def preview_pdf(self, name: str, version: int | None, asked: Mapping[str, Any]) -> "Job":
        """The completed job that printed the preview.

        Raises:
            TemplateNotFound: there is none.
            InvalidRequest: names every wrong field.
            JobFailed: the template fails.
            NotReady: no worker has printed it in time.
        """
        _, files = await self.read(name, version)
        payload = {"template": files.label, "data": files.sample(), **asked}
        request = JobRequest(
            type=REPORT_TYPE,
            payload=msgspec.Raw(msgspec.json.encode(payload)),
            priority="high",
            max_attempts=1,
            timeout=PREVIEW_SECONDS,
            expires_in=PREVIEW_SECONDS,
            retention=PREVIEW_KEPT,
        )
        job = (await self._jobs.submit(request, payload_path="")).job
        try:
            async with asyncio.timeout(PREVIEW_SECONDS):
                await self._jobs.ended(job.id)
        except TimeoutError:
            raise NotReady(
                f"the preview, job {job.id}, was not printed in {PREVIEW_SECONDS:.0f} s:"
                " is there a worker for reports?"
            ) from None
        return await self._jobs.result(job.id)

    async def _find(self, name: str, version: int | None) -> TemplateFiles:
        if split_label(name) != (name, None):
            raise TemplateNotFound(f"there is no template {name!r}")
        try:
            return await self._shelf.find(name if version is None else f"{name}@{version}")
        except UnknownTemplate as error:
            raise TemplateNotFound(str(error)) from None


def schema_of(files: TemplateFiles) -> Any:
    """The JSON Schema of a template's data; None when it has none."""
    return msgspec.json.decode(files.files[SCHEMA]) if SCHEMA in files.files else None


def source_of(files: TemplateFiles) -> str:
    """What is in the template's main file."""
    return files.files[TEMPLATE].decode()


def _stored(name: str, versions: Mapping[int, float], version: int | None = None) -> TemplateInfo:
    newest = version or max(versions, default=None)
    return TemplateInfo(name=name, origin="stored", version=newest, versions=versions)


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidRequest("the data is wrong", (FieldError("/data", "must be an object"),))
    return value


def _options(asked: Mapping[str, Any]) -> RenderOptions:
    try:
        return RenderOptions.model_validate(asked.get("options") or {})
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)
        errors = [FieldError(pointer("options", *each["loc"]), each["msg"]) for each in wrong]
        raise InvalidRequest("the options are wrong", tuple(errors)) from None
