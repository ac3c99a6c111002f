"""Keys, content types, download names, and the settings that name a storage."""

from pathlib import Path

import pytest

from jobqueue.errors import SettingsError
from jobqueue.settings import StorageSettings
from jobqueue.storage.content import content_disposition, type_of_suffix
from jobqueue.storage.factory import make_storage
from jobqueue.storage.keys import check_key, check_prefix
from jobqueue.storage.local import LocalStorage
from tests.storage.steps import put, started

GOOD_KEYS = ["a", "reports/default-01J/9f.pdf", "a=b/c+d@e,f_g-h", "0/-.", "a" * 200, "a/" * 255]
BAD_KEYS = ["", "/a", "a/", "a//b", "..", "../a", "a/../b", "a/./b", ".a", "a/.b", "a\\b", "a\0"]
BAD_KEYS += ["a\n", "ä", "a b", "a/" * 256 + "b", "a" * 201, "file:a", "~a", "a?b", "a%2e"]


@pytest.mark.parametrize("key", GOOD_KEYS)
def test_usual_names_are_keys(key: str) -> None:
    """Letters, digits and the usual signs make a key; its beginning is a prefix."""
    assert check_key(key.removesuffix("/")) == key.removesuffix("/")
    assert check_prefix(key) == key


@pytest.mark.parametrize("key", BAD_KEYS)
def test_what_could_mean_something_else_is_no_key(key: str) -> None:
    """Nothing that a file system, a URL or a shell would read as more than a name is a key."""
    with pytest.raises(ValueError, match="no storage key"):
        check_key(key)


def test_the_suffix_tells_the_usual_types() -> None:
    """Listings show the type that the name promises, bytes where it promises none."""
    assert type_of_suffix("reports/a.PDF") == "application/pdf"
    assert type_of_suffix("a.tar.gz") == type_of_suffix("pdf") == "application/octet-stream"


@pytest.mark.parametrize(
    ("filename", "value"),
    [
        ("invoice.pdf", 'attachment; filename="invoice.pdf"'),
        ("a b.pdf", 'attachment; filename="a b.pdf"'),
        (
            "Müller & Co.pdf",
            "attachment; filename=\"Muller & Co.pdf\"; filename*=UTF-8''M%C3%BCller%20%26%20Co.pdf",
        ),
        ('a"b.pdf', "attachment; filename=\"ab.pdf\"; filename*=UTF-8''a%22b.pdf"),
        ("../../etc/passwd", 'attachment; filename="passwd"'),
        ("C:\\temp\\r.pdf", 'attachment; filename="r.pdf"'),
        ("a\r\nX-Evil: 1.pdf", 'attachment; filename="aX-Evil: 1.pdf"'),
        ("報告", "attachment; filename=\"document\"; filename*=UTF-8''%E5%A0%B1%E5%91%8A"),
        (" ", 'attachment; filename="document"'),
    ],
)
def test_downloads_keep_their_name(filename: str, value: str) -> None:
    """A browser saves the document as it is called, and no name adds a header or a folder."""
    assert content_disposition(filename) == value


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("file:", "data/storage"),
        ("file:elsewhere", "elsewhere"),
        ("file:deep/er", "deep/er"),
        ("file://localhost{tmp}/a%20b", "{tmp}/a b"),
        ("file://{tmp}/c", "{tmp}/c"),
    ],
)
async def test_file_urls_name_a_folder(
    url: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`file:` is below data_dir, a relative folder below the current one, others as written."""
    monkeypatch.chdir(tmp_path)
    settings = StorageSettings(url=url.format(tmp=tmp_path))
    async with started(settings, Path("data")) as storage:
        assert isinstance(storage, LocalStorage)
        await put(storage, "a/b.pdf", b"x")
    assert (tmp_path / folder.format(tmp=tmp_path) / "a/b.pdf").read_bytes() == b"x"


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("file://srv/documents", "three slashes"),
        ("file://", "three slashes"),
        ("s3://b", "s3://bucket"),
        ("s3://bucket/a/../b", "s3://bucket"),
        ("s3://user@bucket", "s3://bucket"),
    ],
)
def test_a_wrong_url_is_explained(url: str, hint: str, tmp_path: Path) -> None:
    """A storage that cannot be meant stops the start, with the form that is wanted."""
    with pytest.raises(SettingsError, match=r"storage\.url") as caught:
        make_storage(StorageSettings(url=url), tmp_path)
    assert hint in str(caught.value)
    assert repr(url) in str(caught.value)


def test_a_wrong_endpoint_is_explained(tmp_path: Path) -> None:
    """An endpoint without scheme stops the start."""
    settings = StorageSettings(url="s3://bucket", endpoint_url="localhost:9000")
    with pytest.raises(SettingsError, match=r"storage\.endpoint_url .* http://"):
        make_storage(settings, tmp_path)
