"""Bundles that were uploaded before their jobs: under which keys, for how long, how they are read.

A key is random, so that who knows one has been told it; no other object of the storage can be
named in its place.
"""

import asyncio
import re
import secrets

from jobqueue.errors import Unrecoverable
from jobqueue.jobs.bundle import BUNDLE_INVALID, InvalidBundle
from jobqueue.jobs.bundle_archive import kind_of, read_archive
from jobqueue.net.site import SiteFile
from jobqueue.storage.base import Storage, Upload
from jobqueue.storage.whole import chunks_of, read_whole

KEY_PREFIX = "bundles"

MAX_ARCHIVE = 64 * 1024 * 1024
"""Bytes of an archive: those of its files, were they not packed at all."""

KEPT = 7 * 86400.0
"""Seconds for which an uploaded bundle can be used: longer than a queue is ever behind, retries
included. A document that is made again and again belongs into a template."""

BUNDLE_GONE = "bundle_gone"

_KEY = re.compile(rf"{KEY_PREFIX}/[0-9a-f]{{32}}\.(?:zip|tar|tgz)")
_CONTENT_TYPES = {
    "zip": "application/zip",
    "tar": "application/x-tar",
    "tgz": "application/gzip",
}


def bundle_of(key: str) -> str | None:
    """`key` itself when it is one of a bundle."""
    return key if _KEY.fullmatch(key) else None


async def keep_bundle(storage: Storage, content: bytes) -> tuple[Upload, int]:
    """Store an archive that is right; gives where, and how many files it has.

    Raises:
        InvalidBundle: it is not.
        StorageUnavailable: the storage does not take it.
    """
    files = await asyncio.to_thread(read_archive, content)
    kind = kind_of(content)
    key = f"{KEY_PREFIX}/{secrets.token_hex(16)}.{kind}"
    upload = await storage.put(
        key, chunks_of(content), content_type=_CONTENT_TYPES[kind], filename=None
    )
    return upload, len(files)


async def read_bundle(storage: Storage, key: str) -> dict[str, SiteFile]:
    """The files of an uploaded bundle.

    Raises:
        Unrecoverable: it is gone, or not as it should be.
        StorageUnavailable: the storage does not answer.
    """
    try:
        content = await read_whole(storage, key)
        return await asyncio.to_thread(read_archive, content)
    except FileNotFoundError:
        raise Unrecoverable(
            BUNDLE_GONE, f"there is no bundle {key}: bundles are kept for {KEPT / 86400:.0f} days"
        ) from None
    except InvalidBundle as error:
        raise Unrecoverable(BUNDLE_INVALID, str(error)) from error
