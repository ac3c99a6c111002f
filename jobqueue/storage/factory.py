"""Makes the storage that the settings name."""

import re
from pathlib import Path
from urllib.parse import unquote

from jobqueue.errors import SettingsError
from jobqueue.settings import StorageSettings
from jobqueue.storage.base import Storage
from jobqueue.storage.keys import is_key
from jobqueue.storage.local import LocalStorage

_BUCKET_URL = re.compile(r"s3://(?P<bucket>[A-Za-z0-9][A-Za-z0-9._-]{1,62})(?:/(?P<prefix>.*))?")


def make_storage(settings: StorageSettings, data_dir: Path) -> Storage:
    """The storage of `settings`, not started.

    Args:
        settings: `url` is `file:` for the folder `storage` below `data_dir`, `file:path` or
            `file:///path` for another folder, `s3://bucket/prefix` for a bucket.
        data_dir: where the program keeps its files.

    Raises:
        SettingsError: the settings name no folder and no bucket.
    """
    if settings.url.startswith("file:"):
        return LocalStorage(_folder(settings.url, data_dir))
    return _bucket(settings)


def _folder(url: str, data_dir: Path) -> Path:
    rest = url.removeprefix("file:")
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


def _bucket(settings: StorageSettings) -> Storage:
    named = _BUCKET_URL.fullmatch(settings.url)
    prefix = (named["prefix"] or "").strip("/") if named else ""
    if named is None or not (prefix == "" or is_key(prefix)):
        raise SettingsError(
            f"storage.url is {settings.url!r}; a bucket is s3://bucket or s3://bucket/prefix, of "
            "letters, digits, dots and dashes"
        )
    endpoint = settings.endpoint_url
    if endpoint is not None and not re.match(r"https?://[^/]", endpoint):
        raise SettingsError(
            f"storage.endpoint_url is {endpoint!r}; it must start with http:// or https://"
        )
    # imported here: the AWS SDK takes a third of a second that a folder need not wait for
    from jobqueue.storage.s3 import S3Storage  # noqa: PLC0415

    return S3Storage(named["bucket"], prefix, endpoint_url=endpoint, region=settings.region)
