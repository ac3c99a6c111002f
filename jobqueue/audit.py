"""What operators did: a record of each call that changes what belongs to others."""

import msgspec


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One call.

    Attributes:
        kind, id, name: who called, as `Principal` has it; `local` is somebody on the machine of the
            command line.
        tenant: to which who called is confined.
        action: the route.
        target: the path, or what the call has made.
        query: what else the address said.
        status, code: how it was answered, where HTTP was spoken; the code is that of an error.
        request_id: under which the log has it.
        client: the address from which it came.
    """

    kind: str
    id: str
    name: str
    action: str
    target: str
    status: int | None = None
    request_id: str | None = None
    tenant: str | None = None
    query: str | None = None
    code: str | None = None
    client: str | None = None


class AuditEntry(msgspec.Struct, frozen=True):
    """A record as it is kept.

    Attributes:
        cursor: its place, after which a page goes on.
        at_ms: Unix time.
    """

    cursor: str
    at_ms: int
    record: AuditRecord
