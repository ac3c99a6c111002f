"""The blocking half of the local storage: files in a folder, complete or not there.

<root>/reports/a/b.pdf          the object `reports/a/b.pdf`
<root>/reports/a/.b.pdf.type    its content type, where the suffix does not tell it
<root>/.incoming/<random>       an upload that is still being written
"""

import contextlib
import os
import stat
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from jobqueue.storage.base import StoredObject, Upload
from jobqueue.storage.blocks import Digest
from jobqueue.storage.content import type_of_suffix
from jobqueue.storage.keys import check_key, check_prefix, is_key

ABANDONED_AFTER = 3600.0
"""Seconds without a write after which an upload's temporary file belongs to nobody: every
write renews it, and a document that stalls for an hour has lost its job long before."""

_PLACING_TRIES = 10
"""Each try fails only when another process prunes the folder in the same instant."""

_MISSING = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class Folder:
    """Objects as files below `root`; every method blocks."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.incoming = root / ".incoming"

    def path(self, key: str) -> Path:
        """Where the object of this key is."""
        return self.root / check_key(key)

    def sweep(self) -> None:
        """Remove what crashed uploads have left behind."""
        oldest = time.time() - ABANDONED_AFTER
        with contextlib.suppress(FileNotFoundError):
            for entry in os.scandir(self.incoming):
                with contextlib.suppress(FileNotFoundError):
                    if entry.stat().st_mtime < oldest:
                        Path(entry.path).unlink()

    def stat(self, key: str) -> StoredObject | None:
        """The description of an object, None when there is none."""
        path = self.path(key)
        try:
            found = path.stat()
        except _MISSING:
            return None
        return _described(key, found, _content_type(path)) if stat.S_ISREG(found.st_mode) else None

    def open(self, key: str, start: int) -> tuple[StoredObject, BinaryIO]:
        """An object's description and its file, at byte `start`.

        Raises:
            FileNotFoundError: there is no such object.
        """
        path = self.path(key)
        try:
            file = path.open("rb", buffering=0)
        except _MISSING as error:
            raise FileNotFoundError(key) from error
        file.seek(start)
        return _described(key, os.fstat(file.fileno()), _content_type(path)), file

    def remove(self, key: str) -> None:
        """Remove an object, if it is there, and the folders that it leaves empty."""
        path = self.path(key)
        for file in (path, _type_file(path)):
            with contextlib.suppress(*_MISSING):
                file.unlink()
        for folder in path.parents:
            if folder == self.root:
                break
            try:
                folder.rmdir()
            except OSError:  # not empty, or already gone
                break

    def walk(self, prefix: str) -> Iterator[StoredObject]:
        """All objects whose key starts with `prefix`, in the order of their keys."""
        parent = check_prefix(prefix).rpartition("/")[0]
        yield from self._walk(f"{parent}/" if parent else "", prefix)

    def _walk(self, parent: str, prefix: str) -> Iterator[StoredObject]:
        try:
            entries = list(os.scandir(self.root / parent))
        except _MISSING:
            return
        for key in sorted(parent + entry.name + "/" * entry.is_dir() for entry in entries):
            if not key.startswith(prefix) or not is_key(key.removesuffix("/")):
                continue
            if key.endswith("/"):
                yield from self._walk(key, prefix)
                continue
            with contextlib.suppress(*_MISSING):
                yield _described(key, (self.root / key).stat(), type_of_suffix(key))


class Partial:
    """An upload that is being written; nobody sees it before `publish`.

    The lock keeps `discard` from overtaking a `publish` whose caller was cancelled.
    """

    def __init__(self, folder: Folder, key: str, content_type: str) -> None:
        self._folder = folder
        self._key = key
        self._content_type = content_type
        self._target = folder.path(key)
        self._temporary = folder.incoming / uuid.uuid4().hex
        self._note = self._temporary.with_suffix(".type")
        self._digest = Digest()
        self._lock = threading.Lock()
        self._file: BinaryIO | None = None
        self._inode: int | None = None

    def write(self, block: bytes) -> None:
        """Append `block`."""
        with self._lock:
            self._write(block)

    def publish(self, block: bytes) -> Upload:
        """Append the last `block`, make the whole durable, then visible under its key."""
        with self._lock:
            file = self._write(block)
            file.flush()
            os.fsync(file.fileno())
            file.close()
            self._place_type()
            self._place(self._temporary, self._target)
            _sync_folder(self._target.parent)
        return Upload(self._key, self._digest.size, self._digest.sha256)

    def discard(self) -> None:
        """Remove every trace of this upload, even if it was just published."""
        with self._lock:
            if self._file is None:
                return
            with contextlib.suppress(OSError):  # what could not be written is not wanted
                self._file.close()
            self._temporary.unlink(missing_ok=True)
            self._note.unlink(missing_ok=True)
            with contextlib.suppress(*_MISSING):
                if self._target.stat().st_ino == self._inode:
                    self._folder.remove(self._key)

    def _write(self, block: bytes) -> BinaryIO:
        file = self._file or self._create()
        file.write(block)
        self._digest.update(block)
        return file

    def _create(self) -> BinaryIO:
        _make_folder(self._folder.incoming)
        self._file = self._temporary.open("xb")
        self._inode = os.fstat(self._file.fileno()).st_ino
        return self._file

    def _place_type(self) -> None:
        """Keep the content type beside the object where the suffix does not tell it."""
        beside = _type_file(self._target)
        if self._content_type == type_of_suffix(self._key):
            with contextlib.suppress(*_MISSING):
                beside.unlink()
            return
        self._note.write_text(self._content_type)
        self._place(self._note, beside)

    @staticmethod
    def _place(source: Path, target: Path) -> None:
        """Move a file to its place in one step, making the folder that it needs."""
        for left in reversed(range(_PLACING_TRIES)):
            try:
                _make_folder(target.parent)
                source.replace(target)
            except FileNotFoundError:
                if not left:
                    raise
            else:
                return


def _type_file(path: Path) -> Path:
    return path.with_name(f".{path.name}.type")


def _content_type(path: Path) -> str:
    try:
        return _type_file(path).read_text()
    except _MISSING:
        return type_of_suffix(path.name)


def _described(key: str, found: os.stat_result, content_type: str) -> StoredObject:
    return StoredObject(key, found.st_size, content_type, found.st_mtime)


def _make_folder(path: Path) -> None:
    """Make a folder and its parents, readable by their owner only, durably."""
    if path.is_dir():
        return
    _make_folder(path.parent)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if not path.is_dir():
            raise
    else:
        _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
