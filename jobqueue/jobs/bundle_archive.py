"""Bundles in archives: zip, tar and tar.gz, read without ever writing a file.

An archive is hostile until it is read: every size is counted as it comes, whatever it says
of itself, and whatever is no plain file is refused.
"""

import gzip
import io
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Literal

from typing_extensions import override

from jobqueue.jobs.bundle import MAX_FILES, MAX_SIZE, BundleFiles, InvalidBundle, too_large
from jobqueue.net.site import SiteFile

Kind = Literal["zip", "tar", "tgz"]

MAX_RATIO = 200
"""How many times its packed size a file may have: HTML packs to a 50th, a bomb to a 1000th."""

RATIO_FROM = 1024 * 1024
"""Bytes up to which a file may pack as well as it likes: a small blank image does."""

MAX_ENTRIES = 2 * MAX_FILES
"""Files and folders of an archive."""

_UTF8 = 0x800
_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ZIP_ENTRY = b"PK\x01\x02"
_TAR_OVERHEAD = 4096 * MAX_ENTRIES
"""Bytes that the headers of a tar and the padding of its files may take."""

_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    OverflowError,
)
"""What the readers of Python raise for archives that are not as they should be."""


def kind_of(content: bytes) -> Kind:
    """What an archive is, by its first bytes.

    Raises:
        InvalidBundle: none of the kinds.
    """
    if content.startswith(b"PK\x03\x04"):
        return "zip"
    if content.startswith(b"\x1f\x8b"):
        return "tgz"
    if content[257:262] == b"ustar":
        return "tar"
    raise InvalidBundle("the bundle is neither zip nor tar nor tar.gz")


def read_archive(content: bytes) -> dict[str, SiteFile]:
    """The files of an archive.

    Raises:
        InvalidBundle: it is broken, hostile or too large; says which file.
    """
    readers = {"zip": _read_zip, "tar": _read_tar, "tgz": _read_tgz}
    files = BundleFiles()
    reader = readers[kind_of(content)]
    try:
        for path, file in reader(content, files):
            files.add(path, file)
    except _BROKEN as error:
        raise InvalidBundle(f"the archive cannot be read ({error})") from error
    return files.finish()


def _read_zip(content: bytes, files: BundleFiles) -> Iterator[tuple[str, bytes]]:
    if content.count(_ZIP_ENTRY) > MAX_ENTRIES:  # before any of them is made an object
        raise InvalidBundle(f"the archive has more than {MAX_ENTRIES} entries")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.infolist():
            path = _zip_path(entry)
            if not entry.is_dir():
                with archive.open(entry) as opened:
                    yield path, _read_entry(opened, entry, files.room)


def _zip_path(entry: zipfile.ZipInfo) -> str:
    """The path of an entry that is a plain file or a folder."""
    path = entry.orig_filename
    if not entry.flag_bits & _UTF8 and not path.isascii():
        raise InvalidBundle("the name is not said to be UTF-8", path)
    if entry.flag_bits & _ENCRYPTED:
        raise InvalidBundle("is encrypted", path)
    if entry.compress_type not in _METHODS:
        raise InvalidBundle("is packed in another way than deflate", path)
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise InvalidBundle("is no plain file", path)
    return path


def _read_entry(opened: IO[bytes], entry: zipfile.ZipInfo, room: int) -> bytes:
    content = opened.read(room + 1)
    if len(content) > room:
        raise too_large()
    if len(content) > max(RATIO_FROM, MAX_RATIO * entry.compress_size):
        raise InvalidBundle(f"unpacks to more than {MAX_RATIO} times its size", entry.filename)
    return content


def _read_tgz(content: bytes, files: BundleFiles) -> Iterator[tuple[str, bytes]]:
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as unpacked:
        yield from _read_tar_stream(_Bounded(unpacked), files)


def _read_tar(content: bytes, files: BundleFiles) -> Iterator[tuple[str, bytes]]:
    yield from _read_tar_stream(_Bounded(io.BytesIO(content)), files)


def _read_tar_stream(source: "_Bounded", files: BundleFiles) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=source, mode="r|", encoding="utf-8", errors="strict") as archive:
        for count, member in enumerate(archive):
            if count >= MAX_ENTRIES:
                raise InvalidBundle(f"the archive has more than {MAX_ENTRIES} entries")
            path = member.name.removeprefix("./")
            if member.isdir():
                continue
            if not member.isreg() or member.issparse():
                raise InvalidBundle("is no plain file", path)
            if member.size > files.room:
                raise too_large()
            opened = archive.extractfile(member)
            if opened is not None:
                yield path, opened.read()


class _Bounded(io.RawIOBase):
    """A file of which no more is read than a bundle can have, whatever it unpacks to."""

    def __init__(self, source: IO[bytes] | gzip.GzipFile) -> None:
        super().__init__()
        self._source = source
        self._room = MAX_SIZE + _TAR_OVERHEAD

    @override
    def readable(self) -> bool:
        return True

    @override
    def read(self, size: int = -1) -> bytes:
        content = self._source.read(size if 0 <= size <= self._room else self._room + 1)
        self._room -= len(content)
        if self._room < 0:
            raise too_large()
        return content
