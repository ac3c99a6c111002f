"""Names at the edge: what is no name is a wrong request."""

from jobqueue.errors import FieldError, InvalidRequest, SettingsError
from jobqueue.registry import check_name


def check_queue(name: str, *, path: str = "/queue") -> str:
    """`name`, when a queue may be called so.

    Raises:
        InvalidRequest: it may not; the error is at `path`.
    """
    try:
        return check_name("queue", name)
    except (SettingsError, TypeError) as error:
        raise InvalidRequest(
            "there can be no such queue", (FieldError(path, str(error)),)
        ) from None
