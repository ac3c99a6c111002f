"""For tests of programs that use jobqueue: run one handler, or all that waits; a private Redis.

The fixtures for pytest are in `jobqueue.testing.plugin`.
"""

from jobqueue.testing.enqueued import assert_enqueued
from jobqueue.testing.idle import run_until_idle
from jobqueue.testing.one import Run, run_job
from jobqueue.testing.redis import private_redis

__all__ = ["Run", "assert_enqueued", "private_redis", "run_job", "run_until_idle"]
