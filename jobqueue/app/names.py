"""Names at the edge: what is no name is a wrong request."""

from jobqueue.errors import FieldError, InvalidRequest, SettingsError
from jobqueue.registry import check_name
from jobqueue.submission import Durability


def check_queue(name: str, *, path: str = "/queue") -> str:
    """`name`, when a queue may be called so.

    Raises:
        InvalidRequest: it may not; the error is at `path`.
    """
    try:
        return check_name("queue", name)
    except SettingsError as error:
        raise InvalidRequest(
            "there can be no such queue", (FieldError(path, str(error)),)
        ) from None


def check_durability(name: str | None) -> Durability | None:
    """What a submit asks for beyond Redis' memory.

    Raises:
        InvalidRequest: there is nothing of this name.
    """
    try:
        return Durability(name) if name is not None else None
    except ValueError:
        problem = f"must be one of {', '.join(Durability)}"
        raise InvalidRequest(
            f"durability {problem}", (FieldError("/durability", problem),)
        ) from None
