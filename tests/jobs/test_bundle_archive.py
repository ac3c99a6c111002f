"""Bundles in archives: what is read, and every trick that is refused."""

import gzip
import io
import stat
import tarfile
import zipfile
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.jobs import bundle
from jobqueue.jobs.bundle import BundleFiles, InvalidBundle
from jobqueue.jobs.bundle_archive import read_archive

INDEX = ("index.html", b"<p>")


def zipped(
    *files: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    """A zip of these files."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, file in files:
            archive.writestr(name, file)
    return content.getvalue()


def tarred(*files: tuple[str | tarfile.TarInfo, bytes]) -> bytes:
    """A tar of these files."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name, file in files:
            member = tarfile.TarInfo(name) if isinstance(name, str) else name
            member.size = len(file)
            archive.addfile(member, io.BytesIO(file))
    return content.getvalue()


def tgz(*files: tuple[str | tarfile.TarInfo, bytes]) -> bytes:
    """A tar.gz of these files."""
    return gzip.compress(tarred(*files))


Pack = Callable[..., bytes]
pytestmark = pytest.mark.parametrize("pack", [zipped, tarred, tgz], ids=["zip", "tar", "tgz"])


def test_files_are_read_with_their_types(pack: Pack) -> None:
    """Paths, contents and types by suffix, whatever the archive."""
    files = read_archive(pack(INDEX, ("a/ä.CSS", b"x"), ("f.woff2", b"\0"), ("b.xyz", b"")))
    assert {path: (file.content, file.content_type) for path, file in files.items()} == {
        "index.html": (b"<p>", "text/html; charset=utf-8"),
        "a/ä.CSS": (b"x", "text/css; charset=utf-8"),
        "f.woff2": (b"\0", "font/woff2"),
        "b.xyz": (b"", "application/octet-stream"),
    }


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("../a.css", "empty, . or .."),
        ("a/../../b", "empty, . or .."),
        ("/etc/passwd", "must be relative"),
        ("a\\..\\b", "must be relative"),
        ("C:/a", "must be relative"),
        ("a//b", "empty, . or .."),
        ("a/./b", "empty, . or .."),
        ("x" * 241, "more than 240 bytes"),
        ("a\u202eb", "cannot be seen"),
        ("a\nb", "cannot be seen"),
        ("INDEX.html", "is there twice"),
        ("index.html/x", "is a file, no folder"),
    ],
)
def test_odd_paths_are_refused(pack: Pack, path: str, hint: str) -> None:
    """No path leaves the bundle, and no two are one on another system."""
    with pytest.raises(InvalidBundle, match=hint):
        read_archive(pack(INDEX, (path, b"x")))


def test_too_much_is_refused(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes and files are counted as they come."""
    with pytest.raises(InvalidBundle, match="more than 1000 files"):
        read_archive(pack(INDEX, *((f"{n}.txt", b"") for n in range(1000))))
    with pytest.raises(InvalidBundle, match=r"64 MiB|200 times"):
        read_archive(pack(INDEX, ("bomb", bytes(65 << 20))))
    monkeypatch.setattr(bundle, "MAX_SIZE", 10)
    with pytest.raises(InvalidBundle, match="MiB together"):
        read_archive(pack(INDEX, ("a", b"x" * 8)))


def test_a_bundle_needs_its_document(pack: Pack) -> None:
    """Without an index.html there is nothing to print."""
    with pytest.raises(InvalidBundle, match=r"no index\.html"):
        read_archive(pack(("a/index.html", b"")))


def test_links_and_devices_are_refused(pack: Pack) -> None:
    """Nothing but plain files, so that nothing outside can be meant."""
    link: zipfile.ZipInfo | tarfile.TarInfo
    if pack is zipped:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
    else:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with pytest.raises(InvalidBundle, match="no plain file"):
        read_archive(pack(INDEX, (link, b"")))


def test_names_must_be_utf8(pack: Pack) -> None:
    """A name in an unknown encoding would be another one on each system."""
    content = bytearray(pack(INDEX, ("aXXXb", b"")))
    if pack is tgz:
        content = bytearray(gzip.decompress(content))
    place = content.find(b"aXXXb")
    header = bytearray(content)
    while place >= 0:
        header[place + 1] = 0xFF
        place = content.find(b"aXXXb", place + 1)
    if pack is not zipped:  # a tar has a sum of its header
        start = content.find(b"aXXXb") // 512 * 512
        total = sum(header[start : start + 148]) + 256 + sum(header[start + 156 : start + 512])
        header[start + 148 : start + 156] = b"%06o\0 " % total
    packed = gzip.compress(header) if pack is tgz else bytes(header)
    with pytest.raises(InvalidBundle, match=r"UTF-8|cannot be read"):
        read_archive(packed)


@given(st.data())
def test_any_damage_is_told(pack: Pack, data: st.DataObject) -> None:
    """No broken archive breaks the reader, or gives files out of nothing."""
    content = bytearray(pack(INDEX, ("a.css", b"x" * 100)))
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(content)))
    try:
        read_archive(bytes(content[:end]))
    except InvalidBundle:
        return


def test_other_files_are_no_bundle(pack: Pack) -> None:
    """What is no archive is refused as such, without its content being looked at."""
    del pack
    for content in (b"", b"%PDF-1.7", b"<p>", b"Rar!", b"PK\x03\x04", b"\x1f\x8b"):
        with pytest.raises(InvalidBundle):
            read_archive(content)


def test_unicode_names_are_one_spelling(pack: Pack) -> None:
    """The two spellings of an accented letter are one file."""
    with pytest.raises(InvalidBundle, match="is there twice"):
        read_archive(pack(INDEX, ("e\u0301.css", b""), ("\u00e9.css", b"")))
    files = BundleFiles()
    files.add("index.html", b"")
    files.add("e\u0301.css", b"")
    assert "\u00e9.css" in files.finish()
