import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.jobs.lines import MOST_PROBLEMS, Checking, WrongLine, operation_at, read_line
from tests.support.jobs import CHAT, line


def raw(**changed: Any) -> bytes:
    return json.dumps(line(1) | changed).encode()


def test_a_line_is_read() -> None:
    read = read_line(raw(), 7, CHAT)
    assert (read.number, read.custom_id, read.operation.name, read.model) == (7, "id-1", "chat", "echo")
    assert json.loads(read.body) == line(1)["body"]


@pytest.mark.parametrize(
    ("data", "code", "param"),
    [
        (b"{", "invalid_json_line", None),
        (b"[]", "invalid_json_line", None),
        (b'"x"', "invalid_json_line", None),
        (b"\xff{}", "invalid_json_line", None),
        (b'{"custom_id": "\xff"}', "invalid_json_line", None),
        (b"\xef\xbb\xbf" + raw(), "invalid_json_line", None),
        (b"[" * 5000, "invalid_json_line", None),
        (b"{}", "missing_required_parameter", "custom_id"),
        (raw(custom_id=3), "missing_required_parameter", "custom_id"),
        (raw(custom_id=""), "missing_required_parameter", "custom_id"),
        (raw(custom_id="x" * 300), "invalid_custom_id", "custom_id"),
        (raw(method="GET"), "invalid_method", "method"),
        (raw(url="/v1/embeddings"), "mismatched_url", "url"),
        (raw(url=["/v1/embeddings"]), "mismatched_url", "url"),
        (raw(body={}), "invalid_request", "body.model"),
        (raw(body=[]), "invalid_request", "body"),
        (raw(body={"model": "m", "stream": True}), "invalid_request", "body.stream"),
        (raw(body={"model": "m", "max_tokens": 0}), "invalid_request", "body.max_tokens"),
    ],
)
def test_what_is_wrong_with_a_line_is_told(data: bytes, code: str, param: str | None) -> None:
    with pytest.raises(WrongLine) as wrong:
        read_line(data, 3, CHAT)
    problem = wrong.value.problem
    assert (problem.code, problem.line, problem.param) == (code, 3, param)


@given(st.binary())
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(WrongLine):
        assert read_line(data, 1, CHAT).custom_id


def test_what_a_job_may_ask() -> None:
    for url in (CHAT, "/v1/embeddings", "/v1/responses", "/v1/completions", "/v1/moderations", "/v1/messages"):
        assert operation_at(url) is not None
    for url in ("/chat/completions", "/v1/v1/chat/completions", "/v1/files", "/v1/batches", "/v1/images/edits", ""):
        assert operation_at(url) is None


def checked(*lines: bytes, most: int = 100, longest: int = 10_000) -> Checking:
    checking = Checking(CHAT, most, longest, lambda model: model == "echo")
    for number, one in enumerate(lines, 1):
        checking.take(one, number)
    checking.end()
    return checking


def test_a_good_file_has_no_problems() -> None:
    checking = checked(*(json.dumps(line(n)).encode() for n in range(5)))
    assert (checking.problems, checking.total, checking.models) == ([], 5, {"echo": 5})


def test_each_problem_is_told_with_its_line() -> None:
    other = raw(custom_id="b", body={"model": "none", "messages": []})
    checking = checked(raw(), b"broken", raw(), other, b"x" * 20_000)
    assert [(one.code, one.line) for one in checking.problems] == [
        ("invalid_json_line", 2), ("duplicate_custom_id", 3), ("model_not_found", 4), ("line_too_long", 5),
    ]  # fmt: skip
    assert checking.problems[1].message == "line 1 has the same custom_id"


def test_bounds_of_a_file() -> None:
    assert [one.code for one in checked().problems] == ["empty_file"]
    lines = [json.dumps(line(n)).encode() for n in range(4)]
    assert [(one.code, one.line) for one in checked(*lines, most=3).problems] == [("too_many_tasks", 4)]
    assert len(checked(*[b"broken"] * 500, most=1000).problems) == MOST_PROBLEMS
