"""All templates that jobs can name beside the shipped ones: on disk, and in the storage."""

import time
from collections import OrderedDict
from pathlib import Path

from jobqueue.errors import FieldError, InvalidRequest, SettingsError, UnknownTemplate
from jobqueue.jobs.template_keys import Versions, split_label
from jobqueue.jobs.template_store import TemplateStore
from jobqueue.registry import check_name
from jobqueue.render.filling.filler import Filler
from jobqueue.render.template_files import TEMPLATE, TemplateFiles, check_files, read_folder
from jobqueue.render.templates import Templates

CACHE = 64 * 1024 * 1024
"""Bytes of versions that are kept in memory: some dozens with pictures and fonts."""

FRESH_FOR = 1.0
"""Seconds for which a name means the same version without another look: a busy API lists a
bucket once in it, and another process' PUT counts that much later."""


class TemplateShelf:
    """Finds templates, and takes new versions.

    Args:
        shipped: the templates of the program, whose names nobody else can have.
        store: the versions in the storage.
        filler: checks what is put.
        folder: has a folder for each template on disk; None: there are none.

    Raises:
        SettingsError: a template on disk is wrong, or has the name of a shipped one.
    """

    def __init__(
        self, shipped: Templates, store: TemplateStore, filler: Filler, folder: Path | None = None
    ) -> None:
        self.shipped = shipped
        self.store = store
        self.filler = filler
        self.on_disk = {} if folder is None else _read_all(folder, shipped)
        self._cache: OrderedDict[tuple[str, int], TemplateFiles] = OrderedDict()
        self._latest: dict[str, tuple[float, Versions]] = {}

    async def find(self, label: str, *, hidden: bool = False) -> TemplateFiles:
        """The version that `invoice@3` names, or the newest of `invoice`.

        Args:
            label: what a job calls it.
            hidden: whether versions that were deleted count, as they do for jobs that have them.

        Raises:
            UnknownTemplate: there is none.
            StorageUnavailable: the storage does not answer.
        """
        name, version = split_label(label) or (label, None)
        on_disk = self.on_disk.get(name)
        if on_disk is not None and version is None:
            return on_disk
        if version is None or not hidden:
            shown = (await self._versions(name)).shown
            version = version or max(shown, default=0)
            if version not in shown:
                raise self._unknown(label, shown)
        found = self._cache.get((name, version)) or await self.store.load(name, version)
        if found is None:
            raise self._unknown(label, [])
        self._keep(found)
        return found

    async def put(self, name: str, files: dict[str, bytes]) -> TemplateFiles:
        """Check the files, and store them as a new version.

        Raises:
            InvalidRequest: names every wrong file, or the line where it does not compile.
            StorageUnavailable: the storage does not answer.
        """
        self._check_name(name)
        check_files(files)
        await self.filler.check(TemplateFiles(name, 0, files))
        added = await self.store.add(name, files)
        self._latest.pop(name, None)
        return added

    async def hide(self, name: str) -> None:
        """Delete a template: it is no longer found; jobs that have a version keep it.

        Raises:
            InvalidRequest: it is not one of those in the storage.
            UnknownTemplate: there is none of this name.
            StorageUnavailable: the storage does not answer.
        """
        self._check_name(name)
        shown = (await self.store.versions(name)).shown
        if not shown:
            raise self._unknown(name, [])
        await self.store.hide(name, shown[-1])
        self._latest.pop(name, None)

    def _check_name(self, name: str) -> None:
        try:
            check_name("template", name)
        except SettingsError as error:
            raise InvalidRequest(str(error), (FieldError("/name", str(error)),)) from None
        where = "shipped with the program" if name in self.shipped.names() else None
        where = "on the disk of the service (render.templates)" if name in self.on_disk else where
        if where:
            message = f"template {name!r} is {where}: choose another name"
            raise InvalidRequest(message, (FieldError("/name", message),))

    async def _versions(self, name: str) -> Versions:
        read_at, versions = self._latest.get(name, (0.0, Versions()))
        now = time.monotonic()
        if now - read_at > FRESH_FOR or not read_at:
            versions = await self.store.versions(name)
            self._latest = {
                each: kept for each, kept in self._latest.items() if now - kept[0] <= FRESH_FOR
            }
            self._latest[name] = (now, versions)
        return versions

    def _keep(self, template: TemplateFiles) -> None:
        """Remember a version, and forget those that were not used for longest."""
        key = (template.name, template.version)
        self._cache[key] = template
        self._cache.move_to_end(key)
        while sum(each.size for each in self._cache.values()) > CACHE:
            self._cache.popitem(last=False)

    def _unknown(self, label: str, shown: list[int]) -> UnknownTemplate:
        known = ", ".join([*self.shipped.names(), *self.on_disk])
        message = f"there is no template {label!r}; there are {known} and those that were put"
        if shown:
            message = (
                f"there is no template {label!r}; its versions are {', '.join(map(str, shown))}"
            )
        return UnknownTemplate(message, (FieldError("/template", message),))


def _read_all(folder: Path, shipped: Templates) -> dict[str, TemplateFiles]:
    if not folder.is_dir():
        raise SettingsError(f"render.templates: {folder} is no folder")
    found: dict[str, TemplateFiles] = {}
    for path in sorted(each.parent for each in folder.glob(f"*/{TEMPLATE}")):
        name = check_name("template", path.name)
        if name in shipped.names():
            raise SettingsError(
                f"render.templates: {path} has the name of a shipped template: rename it"
            )
        files = read_folder(path)
        try:
            check_files(files, at="")
        except InvalidRequest as error:
            wrong = "; ".join(f"{each.path} {each.message}" for each in error.errors)
            raise SettingsError(f"render.templates: {path}: {wrong}") from None
        found[name] = TemplateFiles(name, 0, files)
    return found
