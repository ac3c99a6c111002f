"""What is wrong with an S3 storage, and what to do about it, from botocore's errors."""

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import msgspec
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own, the base of "could not connect"
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)

from jobqueue.errors import StorageUnavailable

TRANSPORT_ERRORS = (HTTPClientError, ConnectionError, aiohttp.ClientError)
"""The request or its answer was lost on the way: its fate is unknown."""

S3_ERRORS = (BotoCoreError, ClientError, aiohttp.ClientError)
"""Everything that a call may raise; the body of a download leaks aiohttp's own."""

_MISSING_OBJECT = {"NoSuchKey", "404", "NotFound"}
_MISSING_BUCKET = {"NoSuchBucket", "404"}  # a HEAD of the bucket has no body to name it
_REFUSED = {
    "AuthorizationQueryParametersError",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
}
_DENIED = {"AccessDenied", "AllAccessDisabled", "403", "Forbidden"}
_ELSEWHERE = {"AuthorizationHeaderMalformed", "PermanentRedirect", "301", "TemporaryRedirect"}

_SET_CREDENTIALS = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give it a profile or a role"


class Bucket(msgspec.Struct, frozen=True):
    """Which bucket, and where: for messages."""

    name: str
    prefix: str
    """Empty, or ending in `/`."""
    endpoint: str

    def whole(self, key: str) -> str:
        """The key of the bucket for a key of the storage."""
        return self.prefix + key

    def where(self) -> str:
        """The place, as users configured it."""
        return f"s3://{self.name}/{self.prefix} at {self.endpoint}"


def error_code(error: ClientError) -> str:
    """The code that the server gave, such as `NoSuchKey`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_missing(error: ClientError) -> bool:
    """Whether the server says that there is no such object."""
    return error_code(error) in _MISSING_OBJECT


@contextmanager
def storage_errors(bucket: Bucket) -> Iterator[None]:
    """Raise StorageUnavailable, with what to do, for every error of S3."""
    try:
        yield
    except S3_ERRORS as error:
        raise StorageUnavailable(
            f"the storage {bucket.where()} {_explain(error, bucket)}"
        ) from error


def _explain(error: Exception, bucket: Bucket) -> str:
    if isinstance(error, ClientError):
        return _explain_answer(error, bucket)
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return f"cannot be used: no credentials were found ({error}); {_SET_CREDENTIALS}"
    if isinstance(error, TRANSPORT_ERRORS):
        return (
            f"does not answer ({error}); check that the server runs and is reachable, "
            "and storage.endpoint_url"
        )
    return f"cannot be used: {error}; check the settings of storage and of the AWS SDK"


def _explain_answer(error: ClientError, bucket: Bucket) -> str:
    code = error_code(error)
    if code in _MISSING_BUCKET:
        return (
            f"does not exist: create the bucket (aws s3 mb s3://{bucket.name}) "
            "or correct storage.url"
        )
    if code in _REFUSED:
        return f"refuses the credentials ({code}); {_SET_CREDENTIALS} that it accepts"
    if code in _DENIED:
        return (
            f"denies access ({code}); check the credentials and allow s3:ListBucket on the "
            "bucket, s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload "
            "on its objects"
        )
    if code in _ELSEWHERE:
        return f"is in another region ({code}); set storage.region"
    return f"answered with an error: {error}"
