"""docs/security.md says what the code does."""

import re
from pathlib import Path

from jobqueue.http.documents import PREFIX
from jobqueue.http.routes import API_ROUTES, STATE

TEXT = (Path(__file__).parents[2] / "docs" / "security.md").read_text()


def test_every_route_is_in_the_table_of_scopes() -> None:
    """The table has each route under the scope that it wants, and says who is confined off it."""
    listed = {
        (method, path, scope, bool(mark))
        for scope, routes in re.findall(r"^\| `(\w+)` \| (`.*) \|$", TEXT, re.MULTILINE)
        for method, path, mark in re.findall(r"`(\w+) (/[^`]+)`( ∙)?", routes)
    }
    assert listed == {
        (
            route.method,
            route.path.removeprefix(PREFIX).replace(STATE, "{state}"),
            str(route.scope),
            route.tenants,
        )
        for route in API_ROUTES
    }
