"""What Redis has about callers: their keys, and what they did."""

from jobqueue.broker.api_keys import KeyStore
from jobqueue.broker.audit_log import AuditLog
from jobqueue.broker.commands import Commands
from jobqueue.broker.keys import Keys


class Access:
    """Of one namespace.

    Attributes:
        api_keys: who may call the API.
        audit: what operators did.
    """

    def __init__(self, channel: Commands, keys: Keys) -> None:
        self.api_keys = KeyStore(channel, keys)
        self.audit = AuditLog(channel, keys)
