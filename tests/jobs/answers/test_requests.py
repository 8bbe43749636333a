import json

import pytest

from penstock.core.errors import CallerError
from penstock.jobs.answers.requests import lines_of
from penstock.jobs.lines import read_line


def test_each_request_is_a_line() -> None:
    params = {"model": "m", "max_tokens": 3, "messages": [{"role": "user", "content": "a\nb"}]}
    body = json.dumps({"requests": [{"custom_id": n, "params": params} for n in "ab"]}, indent=2).encode()
    lines = [read_line(raw, 1, "/v1/messages") for raw in lines_of(body)]
    assert [line.custom_id for line in lines] == ["a", "b"]
    assert json.loads(lines[0].body) == params


@pytest.mark.parametrize("body", [b"", b"{}", b'{"requests": []}', b'{"requests": [{}]}', b'{"requests": 3}', b"\xff"])
def test_what_is_no_such_body(body: bytes) -> None:
    with pytest.raises(CallerError):
        lines_of(body)
