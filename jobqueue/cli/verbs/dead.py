"""`jobqueue dead`: look at dead jobs, run them again, or forget them."""

from collections.abc import Mapping
from typing import Any

import click
from rich.text import Text

from jobqueue.cli import show
from jobqueue.cli.follow import failure
from jobqueue.cli.remote import Remote, remote_options
from jobqueue.cli.seconds import Seconds
from jobqueue.cli.verb import Verb, json_option
from jobqueue.client import Client, JobList

ACTIONS = ("list", "replay", "purge")

LISTED = 50
"""Jobs that are listed: a screenful or two; a program takes the cursor of `--json`."""


@click.command(
    cls=Verb,
    example="jobqueue dead list --queue mail\n"
    "jobqueue dead replay --reason attempts_exhausted --dry-run\n"
    "jobqueue dead purge --older-than 604800",
)
@click.argument("action", type=click.Choice(ACTIONS), default="list")
@click.option("--queue", metavar="NAME", help="Only jobs of this queue.")
@click.option("--type", metavar="TYPE", help="Only jobs of this type.")
@click.option("--reason", metavar="WORD", help="Only jobs that died of this.")
@click.option("--tag", metavar="TAG", help="Only jobs with this tag.")
@click.option("--tenant", metavar="NAME", help="Only jobs of this tenant.")
@click.option("--older-than", type=Seconds(), metavar="SECONDS", help="Only jobs dead for so long.")
@click.option("--all", "everything", is_flag=True, help="Replay or purge without any filter.")
@click.option("--dry-run", is_flag=True, help="Only count what would be replayed or purged.")
@json_option
@remote_options
def command(
    *,
    remote: Remote,
    action: str,
    everything: bool,
    dry_run: bool,
    as_json: bool,
    **wanted: Any,
) -> None:
    """Show the dead jobs.

    With `replay` they are queued again, with all their attempts; with `purge`
    they are forgotten. Both want a filter, or --all.
    """
    chosen = {name: value for name, value in wanted.items() if value is not None}
    if action == "list":
        _list(remote.run(lambda client: client.dead(limit=LISTED, **chosen)), as_json=as_json)
        return
    if not chosen and not everything:
        raise click.UsageError(f"say which jobs to {action}: give a filter, or --all")
    count = remote.run(lambda client: _sweep(client, action, chosen, dry_run=dry_run))
    if as_json:
        show.print_json({"count": count})
    else:
        would = "would be " if dry_run else "was " if count == 1 else "were "
        done = "queued again" if action == "replay" else "forgotten"
        click.echo(f"{count} {'job' if count == 1 else 'jobs'} {would}{done}")


async def _sweep(client: Client, action: str, wanted: Mapping[str, Any], *, dry_run: bool) -> int:
    """Call until there are no more; gives how many jobs it was."""
    call = client.replay_dead if action == "replay" else client.purge_dead
    count, cursor = 0, None
    while True:
        swept = await call(dry_run=dry_run, cursor=cursor, **wanted)
        count, cursor = count + swept["count"], swept["cursor"]
        if not swept["more"]:
            return count


def _list(found: JobList, *, as_json: bool) -> None:
    if as_json:
        show.print_json(found)
        return
    for job in found["jobs"]:
        ago = show.duration(show.seconds_since(job["finished_at"] or job["created_at"]))
        reason = job["reason"] or "dead"
        show.put(Text(f"{job['id']}  {job['type']}  {ago} ago  {reason}  {failure(job)}".rstrip()))
    if not found["jobs"]:
        show.notes().print("no dead jobs")
    elif found["cursor"]:
        show.notes().print(f"there are more than these {len(found['jobs'])}")
