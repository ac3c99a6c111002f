"""Talk to a jobqueue service over HTTP: `async with Client(url) as client`."""

from jobqueue.client.client import DEFAULT_URL, Client
from jobqueue.client.documents import AcceptedDocument, FailureDocument, JobDocument, JobList
from jobqueue.client.sync import SyncClient

__all__ = [
    "DEFAULT_URL",
    "AcceptedDocument",
    "Client",
    "FailureDocument",
    "JobDocument",
    "JobList",
    "SyncClient",
]
