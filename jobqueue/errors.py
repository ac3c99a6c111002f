"""Every error that jobqueue raises on purpose, as one tree.

    JobqueueError
    ├── InvalidRequest        422  validation_error
    │   ├── UnknownType       422  unknown_type
    │   ├── UnknownTemplate   422  unknown_template
    │   └── UnknownParent     422  unknown_parent
    ├── MalformedRequest      400  malformed_request
    ├── MalformedBody         400  malformed_body
    ├── PayloadTooLarge       413  payload_too_large
    ├── Unauthorized          401  unauthorized
    │   └── InvalidToken      401  unauthorized
    ├── Forbidden             403  forbidden
    │   ├── MissingScope      403  missing_scope
    │   ├── NotForTenants     403  not_for_tenants
    │   └── ForeignOrigin     403  foreign_origin
    ├── RouteNotFound         404  not_found
    ├── MethodNotAllowed      405  method_not_allowed
    ├── UnsupportedMediaType  415  unsupported_media_type
    ├── JobNotFound           404  job_not_found
    ├── TemplateNotFound      404  template_not_found
    ├── ScheduleNotFound      404  schedule_not_found
    ├── WorkerNotFound        404  worker_not_found
    ├── KeyNotFound           404  key_not_found
    ├── Conflict              409
    │   ├── IdempotencyConflict 409 idempotency_conflict
    │   ├── NotMovable        409  not_movable
    │   ├── QueuePartitioned  409  queue_partitioned
    │   ├── QueueLimited      409  queue_limited
    │   ├── AlreadyStarted    409  already_started
    │   ├── StillBlocked      409  still_blocked
    │   ├── UniqueKeyHeld     409  unique_key_held
    │   ├── AlreadyFinished   409  already_finished
    │   ├── NotRetryable      409  not_retryable
    │   ├── NotReady          409  not_ready
    │   ├── JobFailed         409  job_failed
    │   └── JobCancelled      409  job_cancelled
    ├── DocumentGone          410  document_gone
    ├── Backpressure          429
    │   ├── QueueFull         429  queue_full
    │   └── TenantFull        429  tenant_full
    ├── TooManyRequests       429  too_many_requests
    ├── ContentGone           410  content_gone
    ├── Unavailable           503
    │   ├── RedisUnavailable  503  redis_unavailable
    │   ├── RedisFull         503  redis_full
    │   ├── NotDurable        503  not_durable
    │   ├── IdentityUnavailable 503 identity_unavailable
    │   └── StorageUnavailable 503 storage_unavailable
    ├── RedisRefused          500  redis_refused
    ├── SchemaMismatch        503  schema_mismatch
    ├── WrongResults          500  wrong_results
    ├── ProcessLost           500  process_lost
    ├── SettingsError              exit 2
    ├── ServerUnreachable          exit 3
    └── UnexpectedAnswer           exit 3

What a handler raises to choose its job's outcome is in `outcomes`, and can be had from here.
"""

from typing import ClassVar

import msgspec

from jobqueue.outcomes import Cancelled as Cancelled
from jobqueue.outcomes import JobOutcome as JobOutcome
from jobqueue.outcomes import RateLimited as RateLimited
from jobqueue.outcomes import Snooze as Snooze
from jobqueue.outcomes import Unrecoverable as Unrecoverable
from jobqueue.outcomes import WaitForChildren as WaitForChildren


class FieldError(msgspec.Struct, frozen=True):
    """One thing that is wrong with a request: where (JSON pointer) and what to do."""

    path: str
    message: str


class JobqueueError(Exception):
    """Base of everything raised on purpose: a stable code and its HTTP status."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500


class InvalidRequest(JobqueueError):
    """The request is understood but wrong; `errors` names each field."""

    code = "validation_error"
    status = 422

    def __init__(self, message: str, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(message)
        self.errors = errors


class UnknownType(InvalidRequest):
    """No worker has published this job type."""

    code = "unknown_type"


class UnknownTemplate(InvalidRequest):
    """No template of this name is installed."""

    code = "unknown_template"


class UnknownParent(InvalidRequest):
    """A job depends on one that is not there."""

    code = "unknown_parent"


class MalformedRequest(JobqueueError):
    """What arrived is not HTTP."""

    code = "malformed_request"
    status = 400


class MalformedBody(JobqueueError):
    """The body is not the JSON it says it is."""

    code = "malformed_body"
    status = 400


class PayloadTooLarge(JobqueueError):
    """The body or one payload in it is over the limit."""

    code = "payload_too_large"
    status = 413


class Unauthorized(JobqueueError):
    """The bearer token is missing or wrong; other refusals are in `access_errors`."""

    code = "unauthorized"
    status = 401


class JobNotFound(JobqueueError):
    """No job has this id, or its retention is over."""

    code = "job_not_found"
    status = 404


class ScheduleNotFound(JobqueueError):
    """No schedule has this name."""

    code = "schedule_not_found"
    status = 404


class TemplateNotFound(JobqueueError):
    """No template has this name, or this version."""

    code = "template_not_found"
    status = 404


class WorkerNotFound(JobqueueError):
    """No worker of this id beat lately."""

    code = "worker_not_found"
    status = 404


class Conflict(JobqueueError):
    """The job's state does not allow what was asked; the kinds are in `conflicts`."""

    status = 409


class DocumentGone(JobqueueError):
    """The job is known, its document was removed."""

    code = "document_gone"
    status = 410


class Backpressure(JobqueueError):
    """There are too many jobs: trying again later helps, sending more does not."""

    status = 429


class QueueFull(Backpressure):
    """The queue has as many waiting jobs as its size limit allows."""

    code = "queue_full"


class TenantFull(Backpressure):
    """The tenant has as many open jobs as its size limit allows."""

    code = "tenant_full"


class ContentGone(JobqueueError):
    """The job is known, its large payload or result is not in this process's storage."""

    code = "content_gone"
    status = 410


class Unavailable(JobqueueError):
    """A part that the service stands on does not answer; trying again later helps."""

    status = 503


class RedisUnavailable(Unavailable):
    """Redis does not answer."""

    code = "redis_unavailable"


class RedisFull(Unavailable):
    """Redis has reached its maxmemory and refuses new jobs."""

    code = "redis_full"


class NotDurable(Unavailable):
    """The jobs were accepted, and Redis did not say in time that they are as safe as asked."""

    code = "not_durable"


class StorageUnavailable(Unavailable):
    """The object storage does not take or give documents."""

    code = "storage_unavailable"


class RedisRefused(JobqueueError):
    """Redis refused a command for a reason that trying again does not heal."""

    code = "redis_refused"


class SchemaMismatch(JobqueueError):
    """The queue was written, or is still served, by another version of the program."""

    code = "schema_mismatch"
    status = 503


class WrongResults(JobqueueError):
    """The handler of a batch did not return one result for each of its jobs."""

    code = "wrong_results"


class ProcessLost(JobqueueError):
    """The process of a handler ended in the middle of its call."""

    code = "process_lost"


class SettingsError(JobqueueError):
    """A setting is wrong; the program does not start (exit 2)."""

    code = "settings_error"


class ServerUnreachable(JobqueueError):
    """A server that was configured, or the service that a client calls, cannot be reached."""

    code = "server_unreachable"


class UnexpectedAnswer(JobqueueError):
    """What answers at the service's URL does not answer as jobqueue does."""

    code = "unexpected_answer"
