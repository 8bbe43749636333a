import msgspec
import pytest

from penstock.jobs.lines import read_line
from penstock.jobs.verdict import Answer, outcome_of
from tests.support.jobs import CHAT, jsonl, line


@pytest.mark.parametrize(
    ("status", "retryable", "verdict"),
    [
        (200, None, "ok"), (201, None, "ok"), (400, None, "error"), (404, None, "error"), (429, None, "full"),
        (503, None, "full"), (529, None, "full"), (429, False, "error"), (500, None, "again"), (502, True, "again"),
        (502, False, "error"), (408, None, "again"), (409, None, "again"), (400, True, "again"), (302, None, "error"),
    ],
)  # fmt: skip
def test_what_an_answer_means(status: int, retryable: bool | None, verdict: str) -> None:
    assert Answer(status, "r", b"", retryable=retryable).verdict == verdict


def test_header_fields() -> None:
    answer = Answer(429, "r", b"")
    answer.read_fields([(b"retry-after", b"7"), (b"x-should-retry", b"true")])
    assert (answer.retry_after, answer.retryable) == (7.0, True)
    answer.read_fields([(b"retry-after", b"Wed, 21 Oct"), (b"x-should-retry", b"no")])
    assert (answer.retry_after, answer.retryable) == (7.0, False)


@pytest.mark.parametrize(
    ("body", "kept"),
    [(b' {"a":1}\n', {"a": 1}), (b"", None), (b"<html>", "<html>"), (b'{"a":"\xff"}', '{"a":"\ufffd"}')],
)
def test_what_is_kept_is_always_json(body: bytes, kept: object) -> None:
    one = outcome_of(read_line(jsonl(line(1)), 1, CHAT), 4, Answer(200, "r", body, tokens_in=3))
    assert (one.n, one.custom_id, one.kind, one.tokens_in) == (4, "id-1", "ok", 3)
    assert msgspec.json.decode(one.body) == kept
