"""What the broker promises on one server, it promises in a cluster: the same tests, there."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

from tests.broker import (
    test_archive,
    test_claim,
    test_enqueue,
    test_listing,
    test_moved_parents,
    test_moving,
    test_moving_history,
    test_operators,
    test_reaping,
    test_settle,
    test_standings,
)

SINGLE_SERVER = {
    # they look at what differs in a cluster: where a key or a channel is, and who hears of it
    "test_a_cancellation_is_published_to_workers",
    "test_a_queue_is_listed_again_after_redis_lost_everything",
    "test_events_have_the_documented_form",
}


def _tests(*modules: ModuleType) -> dict[str, Callable[..., Any]]:
    """All tests and fixtures of these modules that hold anywhere."""
    return {
        name: entry
        for module in modules
        for name, entry in vars(module).items()
        if getattr(entry, "__module__", "") == module.__name__ and name not in SINGLE_SERVER
    }


globals().update(
    _tests(
        test_archive,
        test_claim,
        test_enqueue,
        test_listing,
        test_moved_parents,
        test_moving,
        test_moving_history,
        test_operators,
        test_reaping,
        test_settle,
        test_standings,
    )
)
