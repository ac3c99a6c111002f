"""One upload to S3: a single request if it is short, else parts of which few are in memory."""

import asyncio
import base64
import hashlib
import io
import uuid
from collections.abc import AsyncIterator, Coroutine
from typing import TYPE_CHECKING, Any

import structlog
from botocore.exceptions import ClientError

from jobqueue.storage.content import content_disposition
from jobqueue.storage.s3_errors import (
    S3_ERRORS,
    TRANSPORT_ERRORS,
    Bucket,
    error_code,
    is_missing,
    storage_errors,
)

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client
    from types_aiobotocore_s3.type_defs import CompletedPartTypeDef

PART_SIZE = 8 * 1024 * 1024
"""The default of the AWS tools: 10 000 parts, the most there may be, make 80 GiB."""

PARTS_IN_FLIGHT = 2
"""Sending one overlaps with waiting for the answer to another; more only costs memory."""

FATE_TIMEOUT = 3.0
CLEAN_UP_TIMEOUT = 5.0
"""Seconds that a cancelled upload waits for the request that makes it visible, and then takes
for undoing it: together less than the ten that a cancelled job may take to end."""

_NONCE = "jobqueue-upload"
"""Metadata that tells an object of this upload from an older or newer one of its key."""

log = structlog.get_logger(__name__)


class S3Upload:
    """Writes one object; whatever does not succeed is undone.

    Args:
        client: an open client.
        bucket: where the object goes.
        key: its key as users know it.
        content_type: what the object is served as.
        filename: what a browser saves it as.
    """

    def __init__(
        self,
        client: "S3Client",
        bucket: Bucket,
        key: str,
        *,
        content_type: str,
        filename: str | None,
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._place: dict[str, Any] = {"Bucket": bucket.name, "Key": bucket.whole(key)}
        self._nonce = uuid.uuid4().hex
        self._about: dict[str, Any] = {
            "ContentType": content_type,
            "Metadata": {_NONCE: self._nonce},
        }
        if filename is not None:
            self._about["ContentDisposition"] = content_disposition(filename)

    async def send(self, parts: AsyncIterator[bytes]) -> None:
        """Store the object made of `parts`, each of PART_SIZE but the last."""
        held = [await anext(parts, b"")]
        if len(held[0]) < PART_SIZE:
            await self._in_one(held.pop())
        else:
            await self._in_parts(held, parts)

    async def _in_one(self, body: bytes) -> None:
        with storage_errors(self._bucket):
            try:
                checksum = await _md5(body)
                await _to_its_end(
                    self._client.put_object(
                        Body=io.BytesIO(body), ContentMD5=checksum, **self._place, **self._about
                    )
                )
            except (asyncio.CancelledError, *TRANSPORT_ERRORS):
                await self._clean_up(self._withdraw())
                raise

    async def _in_parts(self, held: list[bytes], parts: AsyncIterator[bytes]) -> None:
        with storage_errors(self._bucket):
            created = await self._client.create_multipart_upload(**self._place, **self._about)
        upload_id = created["UploadId"]
        try:
            sent = await self._send_parts(upload_id, held, parts)
            with storage_errors(self._bucket):
                await _to_its_end(self._complete(upload_id, sent))
        except BaseException:
            await self._clean_up(self._abort(upload_id))
            raise

    async def _send_parts(
        self, upload_id: str, held: list[bytes], parts: AsyncIterator[bytes]
    ) -> "list[CompletedPartTypeDef]":
        slots = asyncio.Semaphore(PARTS_IN_FLIGHT)
        sent: list[CompletedPartTypeDef] = []

        async def send(number: int, part: bytes) -> None:
            checksum = await _md5(part)
            with storage_errors(self._bucket):
                answer = await self._client.upload_part(
                    Body=io.BytesIO(part),
                    ContentMD5=checksum,
                    PartNumber=number,
                    UploadId=upload_id,
                    **self._place,
                )
            sent.append({"ETag": answer["ETag"], "PartNumber": number})
            slots.release()

        try:
            async with asyncio.TaskGroup() as group:
                number = 0
                while await slots.acquire():  # first, so that no part waits for its turn in memory
                    part = held.pop() if held else await anext(parts, b"")
                    if not part:
                        break
                    number += 1
                    group.create_task(send(number, part))
                    del part
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return sorted(sent, key=lambda part: part["PartNumber"])

    async def _complete(self, upload_id: str, sent: "list[CompletedPartTypeDef]") -> None:
        try:
            await self._client.complete_multipart_upload(
                **self._place, UploadId=upload_id, MultipartUpload={"Parts": sent}
            )
        except ClientError as error:
            # A lost answer is asked for again, and then the upload is no longer there.
            if error_code(error) != "NoSuchUpload" or not await self._is_stored():
                raise

    async def _is_stored(self) -> bool:
        """Whether the object of this key is the one of this upload."""
        try:
            found = await self._client.head_object(**self._place)
        except ClientError as error:
            if is_missing(error):
                return False
            raise
        return found["Metadata"].get(_NONCE) == self._nonce

    async def _withdraw(self) -> None:
        """Remove the object if the request that nobody waits for any more has stored it."""
        if await self._is_stored():
            await self._client.delete_object(**self._place)

    async def _abort(self, upload_id: str) -> None:
        try:
            await self._client.abort_multipart_upload(**self._place, UploadId=upload_id)
        except ClientError as error:
            if error_code(error) != "NoSuchUpload":
                raise
        await self._withdraw()

    async def _clean_up(self, undo: Coroutine[Any, Any, None]) -> None:
        """Undo as far as the server lets us; the error that led here is the one that counts."""
        try:
            async with asyncio.timeout(CLEAN_UP_TIMEOUT):
                await undo
        except (*S3_ERRORS, TimeoutError) as error:
            log.warning("upload_not_undone", **self._place, error=str(error))


async def _md5(body: bytes) -> str:
    """The checksum that every server verifies, of AWS or not: Content-MD5."""
    digest = await asyncio.to_thread(hashlib.md5, body, usedforsecurity=False)
    return base64.b64encode(digest.digest()).decode()


async def _to_its_end(request: Coroutine[Any, Any, object]) -> None:
    """Await the request that makes an object visible; a cancel waits for its fate.

    A server that has everything goes on when the connection is cut, so an object could
    appear after it was looked for and not found.
    """
    task = asyncio.create_task(request)
    try:
        await asyncio.shield(task)
    finally:
        try:
            await asyncio.wait([task], timeout=FATE_TIMEOUT)
        finally:
            task.cancel()
            await asyncio.wait([task])
