"""Why a request reached no route; `errors` has the tree."""

from jobqueue.errors import JobqueueError


class RouteNotFound(JobqueueError):
    """No route has this path."""

    code = "not_found"
    status = 404


class MethodNotAllowed(JobqueueError):
    """The path exists, but not for this method."""

    code = "method_not_allowed"
    status = 405


class UnsupportedMediaType(JobqueueError):
    """The body is of a kind that is not taken here."""

    code = "unsupported_media_type"
    status = 415
