"""Why somebody who is known may not do something; `errors` has the tree."""

from jobqueue.errors import JobqueueError, Unauthorized, Unavailable


class InvalidToken(Unauthorized):
    """A token was sent and opens nothing; its code is that of `Unauthorized`."""


class Forbidden(JobqueueError):
    """The caller is known and may not do this."""

    code = "forbidden"
    status = 403


class MissingScope(Forbidden):
    """The caller lacks a scope."""

    code = "missing_scope"

    def __init__(self, message: str, scope: str = "") -> None:
        super().__init__(message)
        self.scope = scope


class NotForTenants(Forbidden):
    """The route is about what all tenants share, and the caller is confined to one."""

    code = "not_for_tenants"


class ForeignOrigin(Forbidden):
    """A web page of another site calls, and no token says that it may."""

    code = "foreign_origin"


class KeyNotFound(JobqueueError):
    """No API key has this id."""

    code = "key_not_found"
    status = 404


class TooManyRequests(JobqueueError):
    """The caller sends more than the rate of its key; `retry_after` is in seconds."""

    code = "too_many_requests"
    status = 429

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class IdentityUnavailable(Unavailable):
    """The identity provider does not say which keys sign its tokens."""

    code = "identity_unavailable"
