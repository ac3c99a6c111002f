"""The order in which the jobs of one call come in."""

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter

from jobqueue.errors import FieldError, UnknownParent
from jobqueue.submission import NewJob


def parents_first(jobs: Sequence[NewJob]) -> Sequence[NewJob]:
    """`jobs` with those that others of them wait for before these, else in their order.

    Raises:
        UnknownParent: some of them wait for each other.
    """
    if not any(job.options.depends_on for job in jobs):
        return jobs
    ids = {job.id for job in jobs}
    parents = {
        job.id: [parent.id for parent in job.options.depends_on if parent.id in ids] for job in jobs
    }
    depths: dict[str, int] = {}
    try:
        for job_id in TopologicalSorter(parents).static_order():
            depths[job_id] = 1 + max((depths[each] for each in parents[job_id]), default=0)
    except CycleError as error:
        circle = " → ".join(error.args[1])
        problem = FieldError("/depends_on", f"jobs wait for each other: {circle}")
        raise UnknownParent("none of these jobs could ever start", (problem,)) from None
    return sorted(jobs, key=lambda job: depths[job.id])
