"""What a job's state does not allow: the 409 branch of the tree in `errors`."""

from jobqueue.errors import Conflict


class IdempotencyConflict(Conflict):
    """The idempotency key was used for another request."""

    code = "idempotency_conflict"


class NotMovable(Conflict):
    """Other jobs or a unique key depend on the place of the job."""

    code = "not_movable"


class QueuePartitioned(Conflict):
    """The queue is split in partitions, which nothing can be held against together."""

    code = "queue_partitioned"


class QueueLimited(Conflict):
    """The queue has limits, which cannot be held over several partitions."""

    code = "queue_limited"


class AlreadyStarted(Conflict):
    """The job runs or has ended; what was asked is for jobs that wait."""

    code = "already_started"


class StillBlocked(Conflict):
    """The job waits for other jobs; what was asked is for jobs that wait for their turn or time."""

    code = "still_blocked"


class UniqueKeyHeld(Conflict):
    """Another job holds the unique key of a job that should run again."""

    code = "unique_key_held"


class AlreadyFinished(Conflict):
    """A finished job cannot be cancelled."""

    code = "already_finished"


class NotRetryable(Conflict):
    """Only dead and cancelled jobs can be retried."""

    code = "not_retryable"


class NotReady(Conflict):
    """The job has no result yet."""

    code = "not_ready"


class JobFailed(Conflict):
    """The job is dead: it has no result and will get none by itself."""

    code = "job_failed"


class JobCancelled(Conflict):
    """The job was cancelled before it had a result."""

    code = "job_cancelled"
