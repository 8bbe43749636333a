"""What is handed on to the question of a large call: its members, and what its head's tools are."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.core.call import Call
from penstock.core.errors import CallerError
from penstock.wire.asked import asked
from penstock.wire.json import fill
from tests.wire.test_asked import BASE, BY_NAME, PAD, of

PIECES = st.sampled_from(
    [
        b'"a":1',
        b'"a": 2',
        b'"\\u0061":3',
        '"é":1'.encode(),
        b'"stream":true',
        b'"tools":[{"type":"function"}]',
        b'"b":{}',
    ]
)


@settings(deadline=None)
@given(st.lists(PIECES, max_size=6))
def test_what_was_found_of_a_large_body_when_it_was_peeked_gives_the_same_question(pieces: list[bytes]) -> None:
    body = b"{%b}" % b",".join([b'"model":"m"', b'"pad":"%b"' % PAD.encode(), *pieces])
    operation = BY_NAME["chat"]
    call = Call(operation, "POST", "/v1" + operation.path, b"", [], "127.0.0.1")
    try:
        fill(call, body)
    except CallerError:  # a steering key twice
        return
    told, plain = asked(call, b"s", "a"), of(body)
    assert (told and told.digest) == (plain and plain.digest)
    call.body = body.replace(b'"m"', b'"n"')  # another one is not taken for it
    other, expected = asked(call, b"s", "a"), of(call.body)
    assert (other and other.digest) == (expected and expected.digest)


def test_the_tools_of_large_calls_are_known_by_what_they_are_not_by_whose_they_are() -> None:
    memo: dict[Any, Any] = {}
    own, theirs = [{"type": "function"}], [{"type": "web_search_20250305"}]
    for tools, extra, has in [(own, {}, False), (theirs, {}, True), (own, {}, False), (own, {"store": True}, True)]:
        call = Call(BY_NAME["chat"], "POST", "/v1/chat/completions", b"", [], "127.0.0.1", memo)
        fill(call, json.dumps(BASE | {"pad": PAD, "tools": tools} | extra, separators=(",", ":")).encode())
        found = asked(call, b"s", "a")
        assert found is not None
        assert found.effects is has
    assert len(memo) == 1
