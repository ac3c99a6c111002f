"""`jobqueue keys`: who may call the API."""

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from jobqueue.access import Scope
from jobqueue.cli import show
from jobqueue.cli.configuration import Configuration, settings_options
from jobqueue.cli.remote import Remote
from jobqueue.cli.seconds import Seconds
from jobqueue.cli.verb import Verb, VerbGroup, json_option

if TYPE_CHECKING:
    from jobqueue.cli.local_keys import Keys
    from jobqueue.client.documents import KeyDocument

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """Where the keys are: behind a service, or in the Redis of the settings."""

    remote: Remote | None
    configuration: Configuration

    def run(self, work: "Callable[[Keys], Awaitable[T]]") -> T:
        """Run `work` on the keys to its end."""
        if self.remote is not None:
            return self.remote.run(work)
        # brings along what the remote way does without
        from jobqueue.cli.local_keys import run_locally  # noqa: PLC0415

        settings, _ = self.configuration.load()
        return run_locally(settings, work)


def place_options(action: Callable[..., Any]) -> Callable[..., Any]:
    """Where the keys are; reaches the action as `place`."""

    @click.option(
        "--url",
        envvar="JOBQUEUE_URL",
        help="Address of a service (JOBQUEUE_URL); otherwise the keys are changed in Redis.",
    )
    @click.option(
        "--token",
        envvar="JOBQUEUE_TOKEN",
        help="A key for it with the scope admin; better in JOBQUEUE_TOKEN.",
    )
    @settings_options
    @functools.wraps(action)
    def with_place(
        url: str | None, token: str | None, configuration: Configuration, **arguments: Any
    ) -> Any:
        remote = Remote(url, token) if url else None
        return action(place=Place(remote, configuration), **arguments)

    return with_place


@click.group(cls=VerbGroup, example="jobqueue keys create shop --scope submit --scope read")
def command() -> None:
    """Create, list and revoke API keys.

    Without --url (JOBQUEUE_URL) they are changed in the Redis of the settings, so
    that the first key needs no key. As soon as there is one, the API asks for keys.
    """


@command.command(
    cls=Verb, example="jobqueue keys create acme --scope submit --scope read --tenant acme"
)
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([scope.value for scope in Scope]),
    multiple=True,
    required=True,
    help="What it may do; give it several times. admin may do everything.",
)
@click.option("--tenant", metavar="NAME", help="Confine it to the jobs of this tenant.")
@click.option("--expires-in", type=Seconds(), metavar="SECONDS", help="Let it work so long only.")
@click.option("--rate", metavar="N/SECONDS", help="Most requests in so many seconds, e.g. 100/60.")
@click.option("--max-body", type=int, metavar="BYTES", help="Largest request.")
@json_option
@place_options
def create(
    *, place: Place, name: str, scopes: tuple[str, ...], as_json: bool, **options: Any
) -> None:
    """Create a key and print it: it cannot be shown again."""
    given = {option: value for option, value in options.items() if value is not None}
    key = place.run(lambda keys: keys.create_key(name, scopes, **given))
    if as_json:
        show.print_json(key)
        return
    show.notes().print(
        f"key {key['id']}, {show.text(key['name'])}: keep it now, it is not shown again"
    )
    click.echo(key["key"])


@command.command("list", cls=Verb, example="jobqueue keys list")
@json_option
@place_options
def list_all(*, place: Place, as_json: bool) -> None:
    """Show the keys, without their secrets."""
    found = place.run(lambda keys: keys.keys())
    if as_json:
        show.print_json({"keys": found})
        return
    table = show.table("id", "name", "scopes", "tenant", "last used", "expires")
    for key in found:
        scopes, tenant = ",".join(key["scopes"]), key["tenant"] or ""
        table.add_row(key["id"], show.text(key["name"]), scopes, tenant, _used(key), _expires(key))
    if found:
        show.put(table)
    else:
        show.notes().print("no keys; to make one: jobqueue keys create NAME --scope SCOPE")


@command.command(cls=Verb, example="jobqueue keys revoke 3f9a0c81d2e4")
@click.argument("key_id", metavar="ID")
@place_options
def revoke(*, place: Place, key_id: str) -> None:
    """Let a key open nothing any more, within a second."""
    place.run(lambda keys: keys.revoke_key(key_id))
    click.echo(f"key {show.text(key_id)} is revoked")


def _used(key: "KeyDocument") -> str:
    used = key["last_used_at"]
    return f"{show.duration(show.seconds_since(used))} ago" if used else "never"


def _expires(key: "KeyDocument") -> str:
    if key["expires_at"] is None:
        return "never"
    left = -show.seconds_since(key["expires_at"])
    return "expired" if key["expired"] else f"in {show.duration(left)}"
