"""What is known of one request while it is answered."""

import msgspec

from jobqueue.access import NOBODY, Principal
from jobqueue.app import Operations
from jobqueue.http.rate_limit import Quota


class Call(msgspec.Struct):
    """One request.

    Attributes:
        principal: who sends it; nobody until that is known, and on public routes.
        operations: the use cases as they are for the principal, once somebody has asked for them.
        quota: what is left of the principal's rate, where it has one.
        problem: the code of the error with which it ended.
        audited: whether it is to be put down in the log.
        admitted: whether it got past all that refuses callers.
    """

    principal: Principal = NOBODY
    operations: Operations | None = None
    quota: Quota | None = None
    problem: str | None = None
    audited: bool = False
    admitted: bool = False
