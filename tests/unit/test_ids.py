"""Ids of jobs, and the partitions in them."""

import pytest

from jobqueue.app.references import job_of_content, payload_key, result_key
from jobqueue.ids import MAX_PARTITIONS, new_job_id, partition_names, queue_of, split_job_id
from jobqueue.jobs.report_documents import document_key, job_of_document
from jobqueue.registry import NAME

ULID = "01J" + "0" * 23


@pytest.mark.parametrize("queue", ["reports", "a", "a-b-2", "x" * 63])
def test_an_id_says_where_its_job_is(queue: str) -> None:
    """Queue and partition are read from the id alone, whatever the queue is called."""
    names = partition_names(queue, MAX_PARTITIONS)
    assert len(set(names)) == MAX_PARTITIONS
    assert names[0] == queue
    assert partition_names(queue, 1) == [queue]
    for name in names:
        job_id = new_job_id(name)
        assert split_job_id(job_id) == (name, job_id[-26:])
        assert queue_of(name) == queue


def test_no_queue_is_called_like_a_partition() -> None:
    """Users can neither make nor name a partition."""
    assert not any(NAME.fullmatch(name) for name in partition_names("reports", MAX_PARTITIONS)[1:])


@pytest.mark.parametrize(
    "text", ["reports.", "reports.0", "reports.01", "reports.100", "reports.1.2", ".1", "re.x"]
)
def test_what_is_no_partition_is_no_id(text: str) -> None:
    """An id that nobody made is refused as such."""
    assert split_job_id(f"{text}-{ULID}") is None


@pytest.mark.parametrize("partition", ["reports", "reports.1", "reports.63"])
def test_stored_objects_are_known_by_their_job(partition: str) -> None:
    """The housekeeper knows whose a document, payload or result is in any partition."""
    job_id = f"{partition}-{ULID}"
    assert job_of_document(document_key(job_id, "token")) == job_id
    assert job_of_content(payload_key("d", job_id)) == job_id
    assert job_of_content(result_key("d", job_id, "token")) == job_id
