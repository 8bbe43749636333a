"""Equal questions have equal digests, others have not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.call import Call
from penstock.wire.asked import Asked, asked
from penstock.wire.operations import OPERATIONS

CHAT = next(operation for operation in OPERATIONS if operation.name == "chat")


def ask(scope: str = "a", secret: bytes = b"s", **fields: Any) -> Asked:
    call = Call(CHAT, "POST", "/v1/chat/completions", b"", [], "127.0.0.1")
    call.body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}).encode()
    found = asked(call, secret, scope)
    assert found is not None
    return found


@pytest.mark.parametrize("name", ["stream", "stream_options", "user", "metadata"])
def test_how_an_answer_is_delivered_does_not_matter(name: str) -> None:
    assert ask().digest == ask(**{name: True}).digest


@pytest.mark.parametrize("fields", [{"scope": "b"}, {"secret": b"t"}, {"temperature": 0}, {"model": "n"}])
def test_what_shapes_the_answer_matters(fields: dict[str, Any]) -> None:
    assert ask().digest != ask(**fields).digest


def test_only_temperature_zero_is_deterministic() -> None:
    assert ask(temperature=0).deterministic
    assert not ask().deterministic
    assert not ask(temperature=0.5).deterministic
