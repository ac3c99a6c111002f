"""The files of a template in an archive: zip or tar, unpacked within limits."""

import io
import tarfile
import zipfile
from collections.abc import Iterator

from jobqueue.errors import FieldError, InvalidRequest
from jobqueue.render.template_files import MAX_BYTES, MAX_FILES, TEMPLATE

_SYMLINK = 0o120000
_KIND = 0o170000
"""How a zip from Unix says that an entry is a symbolic link."""


def unpack(archive: bytes) -> dict[str, bytes]:
    """The files in a zip, or in a tar that may be compressed.

    A single folder around all of them is left out, as people pack folders.

    Raises:
        InvalidRequest: it is no archive, or has what no template has.
    """
    read = _zip if zipfile.is_zipfile(io.BytesIO(archive)) else _tar
    files: dict[str, bytes] = {}
    size = 0
    try:
        for name, content in read(archive):
            size += len(content)
            if size > MAX_BYTES:
                raise _wrong(f"unpacks to more than {MAX_BYTES} bytes")
            if name in files:
                raise _wrong(f"has {name[:100]!r} twice")
            files[name] = content
            if len(files) > MAX_FILES:
                raise _wrong(f"has more than {MAX_FILES} files")
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise _wrong(f"cannot be read as zip or tar: {str(error)[:200]}") from None
    except (NotImplementedError, RuntimeError) as error:  # a strange compression, a password
        raise _wrong(f"cannot be unpacked: {str(error)[:200]}") from None
    return _without_folder(files)


def _zip(archive: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        for entry in opened.infolist():
            if entry.is_dir():
                continue
            if (entry.external_attr >> 16) & _KIND == _SYMLINK:
                raise _wrong(f"has a link, {entry.filename[:100]!r}: pack the file itself")
            with opened.open(entry) as content:  # what the entry says of its size may be a lie
                yield entry.filename, content.read(MAX_BYTES + 1)


def _tar(archive: bytes) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        for entry in opened:
            if entry.isdir():
                continue
            content = opened.extractfile(entry) if entry.isreg() else None
            if content is None:
                raise _wrong(f"has {entry.name[:100]!r}, which is no file: pack only files")
            yield entry.name.removeprefix("./"), content.read(MAX_BYTES + 1)


def _without_folder(files: dict[str, bytes]) -> dict[str, bytes]:
    if TEMPLATE in files:
        return files
    folders = {name.partition("/")[0] for name in files}
    if len(folders) != 1 or not all("/" in name for name in files):
        return files
    return {name.partition("/")[2]: content for name, content in files.items()}


def _wrong(message: str) -> InvalidRequest:
    return InvalidRequest(
        "the archive cannot be taken", (FieldError("", f"the archive {message}"),)
    )
