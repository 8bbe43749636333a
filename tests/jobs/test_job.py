import json
from typing import Any

import pytest

from penstock.core.errors import CallerError
from penstock.jobs.job import BATCH, FILE, MESSAGES, asked_batch, is_file, is_job, job_of, kept_for, new_id, window_of
from tests.support.jobs import CHAT, job


def made(**facts: Any) -> Any:
    body = {"input_file_id": "file-pen-1", "endpoint": CHAT} | facts
    return job_of(asked_batch(json.dumps(body).encode()), "batch_pen_1", "k", 1000.0, 7 * 86400.0)


def test_ids_are_ours_and_sort_by_their_time() -> None:
    ids = [new_id(FILE, wall, b"12345678") for wall in (1.0, 1.001, 1e9, 2e9)]
    assert ids == sorted(ids)
    assert all(map(is_file, ids))
    assert is_job(new_id(BATCH, 1.0, b"12345678"))
    assert is_job(new_id(MESSAGES, 1.0, b"12345678"))
    for other in ("file-abc123", "file-pen-", "file-pen-../..", "batch_abc", "batch_pen_x", "msgbatch_0"):
        assert not is_file(other)
        assert not is_job(other)


def test_a_job_as_it_is_asked_for() -> None:
    one = made(
        completion_window="1h30m", metadata={"a": "b"}, output_expires_after={"anchor": "created_at", "seconds": 3600}
    )
    assert (one.expires - one.created, one.window, one.metadata, one.keep_output) == (
        5400.0,
        "1h30m",
        {"a": "b"},
        3600.0,
    )
    assert made().window == "24h"
    assert not one.anthropic
    assert job(id=MESSAGES + "00000000").anthropic


@pytest.mark.parametrize(
    ("facts", "param"),
    [
        ({"endpoint": "/v1/files"}, "endpoint"),
        ({"completion_window": "soon"}, "completion_window"),
        ({"completion_window": "0"}, "completion_window"),
        ({"completion_window": "1000d"}, "completion_window"),
        ({"metadata": {str(n): "" for n in range(17)}}, "metadata"),
        ({"metadata": {"a": "x" * 600}}, "metadata"),
        ({"output_expires_after": {"anchor": "created_at", "seconds": 1}}, "expires_after"),
    ],
)
def test_what_cannot_be_asked(facts: Any, param: str) -> None:
    with pytest.raises(CallerError) as error:
        made(**facts)
    assert (error.value.param, error.value.status) == (param, 400)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"input_file_id": 1}', b"\xff"])
def test_a_body_that_is_none(body: bytes) -> None:
    with pytest.raises(CallerError):
        asked_batch(body)


def test_times() -> None:
    assert window_of("24h", 86400.0) == 86400.0
    assert kept_for("created_at", "3600") == 3600.0
    for anchor, seconds in ((None, 3600), ("created_at", None), ("created_at", "x"), ("created_at", 10**9)):
        with pytest.raises(CallerError):
            kept_for(anchor, seconds)
