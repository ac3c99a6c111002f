"""Documents that are more than one print: parts, marks, attachments and what finishing does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import msgspec

from jobqueue.errors import Unrecoverable
from jobqueue.jobs.report_parts import Part, PartsSource, PdfSource
from jobqueue.jobs.report_request import ReportRequest, Source
from jobqueue.render.failures import document_too_large
from jobqueue.render.finishing.finisher import Finisher, late
from jobqueue.render.finishing.marks import MARK_FAILED, mark_options, mark_page
from jobqueue.render.finishing.plan import AttachedFile, Layer, Piece
from jobqueue.render.finishing.planning import invoice_file, make_plan
from jobqueue.render.options import RenderOptions
from jobqueue.render.options.finish_values import FileSource, Mark
from jobqueue.render.pool import RenderPool
from jobqueue.render.rendered import Rendered
from jobqueue.storage.base import Storage

FILE_NOT_FOUND = "file_not_found"

CHUNK = 256 * 1024
"""Bytes of a file that are uploaded at once."""

Render = Callable[[Source, RenderOptions], Awaitable[Rendered]]


class FinishedDocument(msgspec.Struct, frozen=True):
    """A document on the disk.

    Attributes:
        title: of what its first part was made from.
    """

    path: Path
    pages: int
    warnings: tuple[str, ...]
    title: str

    async def chunks(self) -> AsyncIterator[bytes]:
        """Its bytes in order."""
        with self.path.open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, CHUNK):
                yield chunk


class ReportFinishing:
    """Makes such documents.

    Args:
        renderer: prints parts and marks.
        storage: has the files that requests name.
        render: prints a source.
    """

    def __init__(self, renderer: RenderPool, storage: Storage, render: Render) -> None:
        self._renderer = renderer
        self._storage = storage
        self._render = render

    @asynccontextmanager
    async def document(
        self, request: ReportRequest, *, deadline: float
    ) -> AsyncIterator[FinishedDocument]:
        """The document, as long as it is needed.

        Args:
            request: what to make it from.
            deadline: when to give up, in the loop's time.

        Raises:
            Unrecoverable: there can be no such document.
            RenderTimeout: it takes longer.
            BrowserLost, PrintingFailed, FinishingFailed: another try may succeed.
        """
        finisher = self._renderer.finisher
        async with finisher.folder() as folder:
            making = _Making(self._renderer, self._storage, self._render, folder, deadline)
            try:
                async with asyncio.timeout_at(deadline):
                    document = await making.make(request, finisher)
            except TimeoutError:
                raise late() from None
            yield document


class _Making:
    """One document while it is made."""

    def __init__(
        self, renderer: RenderPool, storage: Storage, render: Render, folder: Path, deadline: float
    ) -> None:
        self._renderer = renderer
        self._storage = storage
        self._render = render
        self._folder = folder
        self._deadline = deadline
        self._files = 0
        self._warnings: list[str] = []
        self._title = ""

    async def make(self, request: ReportRequest, finisher: Finisher) -> FinishedDocument:
        options = request.options
        pieces = [await self._piece(part, name, options) for name, part in _parts(request)]
        layers = [layer async for layer in self._layers(options)]
        files = [file async for file in self._attachments(options)]
        plan = make_plan(
            options,
            pieces,
            layers,
            files,
            output=self._folder / "document.pdf",
            seconds=self._deadline - asyncio.get_running_loop().time(),
            largest=finisher.largest,
            epoch=finisher.epoch,
        )
        finished = await finisher.run(plan, deadline=self._deadline)
        warnings = tuple(dict.fromkeys([*self._warnings, *finished.warnings]))
        return FinishedDocument(Path(plan.output), finished.pages, warnings, self._title)

    async def _piece(self, part: Part, name: str, whole: RenderOptions) -> Piece:
        if isinstance(part.source, PdfSource):
            pages = None if part.options is None else part.options.page_ranges
            return Piece(str(await self._load(part.source.file, name)), name, pages, foreign=True)
        structure = {"tagged": whole.tagged, "outline": whole.outline}
        options = (part.options or whole).model_copy(update=structure)
        pdf = await self._render(part.source, options)
        self._title = self._title or pdf.title
        self._warnings += pdf.warnings
        return Piece(str(await self._save(pdf)), name)

    async def _layers(self, options: RenderOptions) -> AsyncIterator[Layer]:
        """From the lowest to the highest: what is added under the content goes under all."""
        if options.watermark is not None:
            yield await self._mark(options.watermark, "watermark", options)
        if options.letterhead is not None:
            pages = None if options.letterhead.first is None else "2-"
            path = await self._load(options.letterhead.pdf, "letterhead")
            yield Layer(str(path), "letterhead", under=True, pages=pages)
            if options.letterhead.first is not None:
                path = await self._load(options.letterhead.first, "letterhead/first")
                yield Layer(str(path), "letterhead/first", under=True, pages="1")
        if options.stamp is not None:
            yield await self._mark(options.stamp, "stamp", options)

    async def _mark(self, mark: Mark, name: str, options: RenderOptions) -> Layer:
        under = name == "watermark"
        if mark.pdf is not None:
            path = await self._load(mark.pdf, name)
            return Layer(str(path), name, under, mark.pages)
        image = None
        if mark.image is not None:
            image_path = await self._load(mark.image, name)
            image = await asyncio.to_thread(image_path.read_bytes)
        html = mark_page(mark, image, options, under=under)
        pdf = await self._renderer.render(html, mark_options(options), deadline=self._deadline)
        if pdf.warnings:
            raise Unrecoverable(MARK_FAILED, f"the image of {name} cannot be shown")
        return Layer(str(await self._save(pdf)), name, under, mark.pages)

    async def _attachments(self, options: RenderOptions) -> AsyncIterator[AttachedFile]:
        if options.factur_x is not None:
            path = await self._write(options.factur_x.xml.encode())
            invoice = invoice_file(options, path)
            if invoice is not None:
                yield invoice
        for each in options.attachments or ():
            if each.key is not None:
                path = await self._download(each.key, f"attachment {each.name}")
            else:
                content = each.base64 if each.text is None else each.text.encode()
                path = await self._write(content or b"")
            yield AttachedFile(
                each.name, each.content_type, str(path), each.description, each.relationship
            )

    async def _load(self, file: FileSource, name: str) -> Path:
        if file.key is not None:
            return await self._download(file.key, name)
        return await self._write(file.base64 or b"")

    async def _write(self, content: bytes) -> Path:
        path = self._next_path()
        await asyncio.to_thread(path.write_bytes, content)
        return path

    async def _save(self, pdf: Rendered) -> Path:
        path = self._next_path()
        with closing(pdf), path.open("wb") as file:
            async for chunk in pdf.chunks():
                await asyncio.to_thread(file.write, chunk)
        return path

    async def _download(self, key: str, name: str) -> Path:
        """The stored file, copied piece by piece."""
        path, size, largest = self._next_path(), 0, self._renderer.finisher.largest
        try:
            async with self._storage.open(key) as download:
                with path.open("wb") as file:
                    async for chunk in download.chunks():
                        size += len(chunk)
                        if size > largest:
                            raise document_too_large(largest)
                        await asyncio.to_thread(file.write, chunk)
        except (FileNotFoundError, ValueError):
            raise Unrecoverable(
                FILE_NOT_FOUND, f"{name}: there is no {key} in the storage"
            ) from None
        return path

    def _next_path(self) -> Path:
        self._files += 1
        return self._folder / f"{self._files}.part"


def _parts(request: ReportRequest) -> Iterable[tuple[str, Part]]:
    if isinstance(request.source, PartsSource):
        for index, part in enumerate(request.source.parts):
            yield f"parts/{index}", part
    else:
        yield "the document", Part(request.source, None)
