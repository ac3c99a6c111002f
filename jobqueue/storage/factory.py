"""Makes the storage that the settings name."""

import re
from pathlib import Path
from urllib.parse import unquote

from jobqueue.errors import SettingsError
from jobqueue.settings import StorageSettings
from jobqueue.storage.base import Storage
from jobqueue.storage.keys import is_key
from jobqueue.storage.local import LocalStorage

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")


def make_storage(settings: StorageSettings, data_dir: Path) -> Storage:
    """The storage of `settings`, not started.

    Args:
        settings: `url` is `file:` for the folder `storage` below `data_dir`, `file:path` or
            `file:///path` for another folder, `s3://bucket/prefix` for a bucket.
        data_dir: where the program keeps its files.

    Raises:
        SettingsError: the settings name no storage.
    """
    scheme, colon, rest = settings.url.partition(":")
    if colon and scheme == "file":
        return LocalStorage(_folder(settings.url, rest, data_dir))
    if colon and scheme == "s3":
        return _bucket(settings, rest)
    raise SettingsError(
        f"storage.url is {settings.url!r}; it must be file: (a folder below data_dir), "
        "file:///folder or s3://bucket/prefix"
    )


def _folder(url: str, rest: str, data_dir: Path) -> Path:
    if not rest:
        return data_dir / "storage"
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        if not slash or host not in {"", "localhost"}:
            raise SettingsError(
                f"storage.url is {url!r}; a folder has three slashes, file:///folder, "
                "or none when it is relative, file:folder"
            )
        rest = slash + path
    return Path(unquote(rest))


def _bucket(settings: StorageSettings, rest: str) -> Storage:
    bucket, _, prefix = rest.removeprefix("//").partition("/")
    prefix = prefix.strip("/")
    if not (rest.startswith("//") and _BUCKET.fullmatch(bucket) and (not prefix or is_key(prefix))):
        raise SettingsError(
            f"storage.url is {settings.url!r}; it must be s3://bucket or s3://bucket/prefix, of "
            "letters, digits, dots and dashes"
        )
    endpoint = settings.endpoint_url
    if endpoint is not None and not re.match(r"https?://[^/]", endpoint):
        raise SettingsError(
            f"storage.endpoint_url is {endpoint!r}; it must start with http:// or https://"
        )
    # imported here: the AWS SDK takes a third of a second that a folder need not wait for
    from jobqueue.storage.s3 import S3Storage  # noqa: PLC0415

    return S3Storage(bucket, prefix, endpoint_url=endpoint, region=settings.region)
