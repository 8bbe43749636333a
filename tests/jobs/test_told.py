import json

import msgspec

from penstock.jobs.job import Counts, StoredFile
from penstock.jobs.lines import Problem
from penstock.jobs.record import Outcome
from penstock.jobs.told import (
    CANCELLED,
    EXPIRED,
    admin_row,
    batch_object,
    file_object,
    message_batch_object,
    output_line,
    result_line,
)
from tests.support.jobs import job

GOOD = Outcome(0, "a", "ok", 200, "r1", msgspec.Raw(b'{"x":1}'))
BAD = Outcome(1, "b", "error", 400, "r2", msgspec.Raw(b'{"error":{}}'))
LATE = Outcome(2, "c", "error", code=EXPIRED[0], message=EXPIRED[1])
STOPPED = Outcome(3, "d", "error", code=CANCELLED[0], message=CANCELLED[1])


def test_a_file() -> None:
    told = file_object(StoredFile("file-pen-1", "k", "in", "batch", 5, 10.7, None))
    assert (told["created_at"], told["expires_at"], told["bytes"], told["object"]) == (10, None, 5, "file")


def test_a_batch() -> None:
    one = job(status="failed", ended=1010.0, problems=[Problem("x", "wrong", 3, "p")], total=7)
    told = batch_object(one, Counts(2, 1, 10, 4, 3))
    assert told["errors"] == {"object": "list", "data": [{"code": "x", "line": 3, "message": "wrong", "param": "p"}]}
    assert (told["failed_at"], told["completed_at"], told["in_progress_at"]) == (1010, None, None)
    assert told["request_counts"] == {"total": 7, "completed": 2, "failed": 1}
    assert (told["usage"]["total_tokens"], told["usage"]["input_tokens_details"]) == (14, {"cached_tokens": 3})


def test_a_batch_of_messages_counts_all_its_lines() -> None:
    for status, name in (("in_progress", "processing"), ("cancelled", "canceled"), ("expired", "expired")):
        told = message_batch_object(job(status=status, total=9, ended=2000.0), Counts(4, 2))
        assert told["request_counts"][name] == 3
        assert sum(told["request_counts"].values()) == 9
        assert (told["results_url"] is None) == (name == "processing")


def test_lines() -> None:
    one = job()
    assert json.loads(output_line(one, GOOD)) == {
        "id": "batch_req_00000001_0", "custom_id": "a", "error": None,
        "response": {"status_code": 200, "request_id": "r1", "body": {"x": 1}},
    }  # fmt: skip
    assert json.loads(output_line(one, LATE))["error"]["code"] == "batch_expired"
    assert json.loads(output_line(one, LATE))["response"] is None
    results = [json.loads(result_line(one, each))["result"]["type"] for each in (GOOD, BAD, LATE, STOPPED)]
    assert results == ["succeeded", "errored", "expired", "canceled"]
    assert admin_row(one, Counts())["delegated_to"] == ""
