"""One download from S3, taken up again where the connection broke."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import ClientError

from jobqueue.errors import StorageUnavailable
from jobqueue.storage.base import StoredObject
from jobqueue.storage.s3_errors import S3_ERRORS, Bucket, error_code, is_missing, storage_errors

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client
    from types_aiobotocore_s3.type_defs import GetObjectOutputTypeDef, HeadObjectOutputTypeDef

CHUNK = 256 * 1024
"""Largest piece given at once, as the protocol promises."""

RESUMPTIONS = 3
"""Broken connections that one download survives; each new request is retried on its own."""


class S3Download:
    """Bytes `start` to `end` (exclusive) of one object.

    Args:
        client: an open client.
        bucket: where the object is.
        key: its key as users know it.
        start: first byte.
        end: byte after the last one; None: to the end of the object.
    """

    def __init__(
        self, client: "S3Client", bucket: Bucket, key: str, start: int, end: int | None
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._key = key
        self._place: dict[str, Any] = {"Bucket": bucket.name, "Key": bucket.whole(key)}
        self._at = start
        self._end = end
        self._etag: str | None = None
        self._answer: GetObjectOutputTypeDef | None = None
        self.info = StoredObject(key, 0, "")

    async def begin(self) -> Self:
        """Ask for the object.

        Raises:
            FileNotFoundError: there is no such object.
        """
        with storage_errors(self._bucket):
            try:
                if self._end is not None and self._end <= self._at:
                    await self._describe()
                else:
                    await self._ask()
            except ClientError as error:
                if is_missing(error):
                    raise FileNotFoundError(self._key) from error
                if error_code(error) != "InvalidRange":
                    raise
                await self._describe()
        return self

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes in order."""
        with storage_errors(self._bucket):
            left = RESUMPTIONS
            while self._answer is not None:
                try:
                    chunk = await self._answer["Body"].read(CHUNK)
                except S3_ERRORS:
                    if not left:
                        raise
                    left -= 1
                    self.close()
                    await self._ask()
                    continue
                if not chunk:
                    return
                self._at += len(chunk)
                yield chunk

    def close(self) -> None:
        """Give the connection up; of no use to others unless everything was read."""
        if self._answer is not None:
            self._answer["Body"].close()

    async def _ask(self) -> None:
        """Request the rest."""
        request: dict[str, Any] = {}
        if self._at or self._end is not None:
            last = "" if self._end is None else self._end - 1
            request["Range"] = f"bytes={self._at}-{last}"
        answer = await self._client.get_object(**self._place, **request)
        self._answer = answer
        if self._etag is not None and answer["ETag"] != self._etag:
            raise StorageUnavailable(f"{self._key} was replaced while it was read; read it again")
        self._etag = answer["ETag"]
        total = answer.get("ContentRange", "").rpartition("/")[2]
        self.info = described(self._key, answer, int(total or answer["ContentLength"]))

    async def _describe(self) -> None:
        """Only describe the object, none of whose bytes are wanted."""
        found = await self._client.head_object(**self._place)
        self.info = described(self._key, found, found["ContentLength"])


def described(
    key: str, answer: "GetObjectOutputTypeDef | HeadObjectOutputTypeDef", size: int
) -> StoredObject:
    """What an answer of the server says about an object of `size` bytes."""
    return StoredObject(key, size, answer["ContentType"], answer["LastModified"].timestamp())
