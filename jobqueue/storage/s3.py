"""Documents in a bucket of S3, or of a server that speaks its protocol: `s3://`."""

import asyncio
import itertools
import math
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from aiohttp import AddrInfoType
from botocore.exceptions import ClientError

from jobqueue.errors import StorageUnavailable
from jobqueue.storage.base import Download, StoredObject, Upload
from jobqueue.storage.blocks import Digest, blocks
from jobqueue.storage.content import content_disposition, type_of_suffix
from jobqueue.storage.keys import check_key, check_prefix, check_range, is_key
from jobqueue.storage.probe import probe
from jobqueue.storage.s3_download import S3Download, described
from jobqueue.storage.s3_errors import Bucket, is_missing, storage_errors
from jobqueue.storage.s3_upload import PART_SIZE, S3Upload

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 30.0
"""Seconds without a byte after which an endpoint counts as dead; in both directions."""
CHECK_TIMEOUT = 10.0
"""Seconds; a check is asked by people and probes, who do not wait for every retry."""
ATTEMPTS = 3
CONNECTIONS = 50
"""More than the slots of any worker need at once; idle ones cost nothing."""
LONGEST_LINK = 7 * 24 * 3600.0
"""Seconds; signature version 4 allows no longer ones."""
_DELETED_AT_ONCE = 1000


class S3Storage:
    """Objects of one bucket, below a prefix.

    Args:
        bucket: the bucket's name; it must exist.
        prefix: empty, or the first names of all keys, without a slash at the end.
        endpoint_url: of a server other than AWS, which is then addressed by path.
        region: None: as the AWS SDK finds it, like the credentials.
    """

    def __init__(
        self, bucket: str, prefix: str, *, endpoint_url: str | None, region: str | None
    ) -> None:
        self._bucket = Bucket(bucket, f"{prefix}/" if prefix else "", endpoint_url or "AWS")
        self._endpoint_url = endpoint_url
        self._region = region
        self._stack = AsyncExitStack()
        self._opened: S3Client | None = None

    async def start(self) -> None:
        """Open the client; asks the server nothing."""
        with storage_errors(self._bucket):
            style = "path" if self._endpoint_url else await self._style_of_sdk_endpoint()
            self._opened = await self._stack.enter_async_context(self._make_client(style))

    async def _style_of_sdk_endpoint(self) -> str:
        """How to address the bucket at the endpoint that the AWS SDK has found by itself.

        Of AWS, by the bucket's own host: otherwise links lead through the global host,
        which redirects for the first day of a bucket, and a redirect breaks the signature.
        A dot in its name would not fit the certificate.
        """
        async with self._make_client("auto") as client:
            endpoint = client.meta.endpoint_url
        self._bucket = msgspec.structs.replace(self._bucket, endpoint=endpoint)
        host = urlsplit(endpoint).hostname or ""
        of_aws = host.endswith((".amazonaws.com", ".amazonaws.com.cn"))
        return "virtual" if of_aws and "." not in self._bucket.name else "path"

    def _make_client(self, style: str) -> AbstractAsyncContextManager["S3Client"]:
        config = AioConfig(
            signature_version="s3v4",
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            max_pool_connections=CONNECTIONS,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            s3={"addressing_style": style},
            # uploads carry a Content-MD5, which more servers know than the SDK's own checksums
            request_checksum_calculation="when_required",
            # a range of an object has another checksum than the object
            response_checksum_validation="when_required",
            connector_args={"socket_factory": _socket},
        )
        return get_session().create_client(
            "s3", region_name=self._region, endpoint_url=self._endpoint_url, config=config
        )

    async def close(self) -> None:
        """Close the client and its connections."""
        self._opened = None
        await self._stack.aclose()

    async def check(self) -> None:
        """Write, read and delete a probe object."""
        try:
            async with asyncio.timeout(CHECK_TIMEOUT):
                await probe(self)
        except TimeoutError as error:
            raise StorageUnavailable(
                f"the storage {self._bucket.where()} did not answer within {CHECK_TIMEOUT:g} s; "
                "check that the server runs and is reachable, and storage.endpoint_url"
            ) from error

    async def put(
        self, key: str, chunks: AsyncIterator[bytes], *, content_type: str, filename: str | None
    ) -> Upload:
        """Store `chunks` under `key`; about five times 8 MiB are in memory at most."""
        upload = S3Upload(
            self._client,
            self._bucket,
            check_key(key),
            content_type=content_type,
            filename=filename,
        )
        digest = Digest()
        async with (
            aclosing(blocks(chunks, PART_SIZE)) as parts,
            aclosing(digest.passing(parts)) as counted,
        ):
            await upload.send(counted)
        return Upload(key, digest.size, digest.sha256)

    @asynccontextmanager
    async def open(
        self, key: str, *, start: int = 0, end: int | None = None
    ) -> AsyncIterator[Download]:
        """Open the object, or bytes `start` to `end` (exclusive) of it."""
        check_range(start, end)
        download = S3Download(self._client, self._bucket, check_key(key), start, end)
        try:
            yield await download.begin()
        finally:
            download.close()

    async def head(self, key: str) -> StoredObject | None:
        """The object's description, None when there is none."""
        with storage_errors(self._bucket):
            try:
                found = await self._client.head_object(
                    Bucket=self._bucket.name, Key=self._bucket.whole(check_key(key))
                )
            except ClientError as error:
                if not is_missing(error):
                    raise
                # the answer has no body that would tell a missing bucket from a missing object
                await self._client.head_bucket(Bucket=self._bucket.name)
                return None
        return described(key, found, found["ContentLength"])

    async def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; missing ones are no error."""
        wanted = iter([self._bucket.whole(check_key(key)) for key in keys])
        with storage_errors(self._bucket):
            while batch := [*itertools.islice(wanted, _DELETED_AT_ONCE)]:
                answer = await self._client.delete_objects(
                    Bucket=self._bucket.name,
                    Delete={"Objects": [{"Key": key} for key in batch], "Quiet": True},
                )
                for error in answer.get("Errors", []):
                    raise ClientError({"Error": error}, "DeleteObjects")

    @asynccontextmanager
    async def list(self, prefix: str) -> AsyncIterator[AsyncIterator[StoredObject]]:
        """All objects whose key starts with `prefix`, in the order of their keys."""
        async with aclosing(self._listed(check_prefix(prefix))) as objects:
            yield objects

    async def _listed(self, prefix: str) -> AsyncGenerator[StoredObject, None]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket.name, Prefix=self._bucket.whole(prefix)
        )
        with storage_errors(self._bucket):
            async for page in pages:
                for found in page.get("Contents", []):
                    key = found["Key"].removeprefix(self._bucket.prefix)
                    if is_key(key):
                        modified_at = found["LastModified"].timestamp()
                        yield StoredObject(key, found["Size"], type_of_suffix(key), modified_at)

    async def link(self, key: str, *, filename: str, expires: float) -> str:
        """A URL that serves the object as `filename` for `expires` seconds, at most a week."""
        with storage_errors(self._bucket):
            return await self._client.generate_presigned_url(
                "get_object",
                Params={
                    "Bucket": self._bucket.name,
                    "Key": self._bucket.whole(check_key(key)),
                    "ResponseContentDisposition": content_disposition(filename),
                },
                ExpiresIn=math.ceil(min(expires, LONGEST_LINK)),
            )

    @property
    def _client(self) -> "S3Client":
        if self._opened is None:
            raise RuntimeError("the storage is used before start() or after close()")
        return self._opened


def _socket(address: AddrInfoType) -> socket.socket:
    """A socket that gives up when what it sends is not acknowledged for READ_TIMEOUT.

    The client has no time-out of its own for sending, and a machine that vanishes
    while it takes a document would otherwise hold the upload for a quarter of an hour.
    """
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(READ_TIMEOUT * 1000))
    return made
