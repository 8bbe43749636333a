import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.call import Call
from penstock.routing.needs import Needs, needs_of
from penstock.wire.operations import OPERATIONS
from tests.support.targets import call as make_call

BY_NAME = {operation.name: operation for operation in OPERATIONS}
PIXELS = base64.b64encode(bytes(range(256)) * 40).decode()
SCHEMA = {"name": "s", "schema": {"type": "object"}}


def call(operation: str = "chat", **fields: Any) -> Call:
    made = make_call(operation=BY_NAME[operation], model="m")
    made.body = msgspec.json.encode({"model": "m", **fields})
    return made


def said(content: Any, role: str = "user") -> list[dict[str, Any]]:
    return [{"role": role, "content": content}]


def test_a_plain_call_needs_room_alone() -> None:
    one = call(messages=said("hello"), tools=[], functions=None, response_format={"type": "text"})
    assert needs_of(one) == Needs(size=len(one.body))
    one.max_tokens = 99
    assert needs_of(one).output == 99


@pytest.mark.parametrize("one", [
    call(messages=said("x"), tools=[{"type": "function", "function": {"name": "f"}}]),
    call(messages=said("x"), functions=[{"name": "f"}]),
    call("messages", messages=said("x"), tools=[{"name": "f", "input_schema": {}}]),
    call("responses", input="x", tools=[{"type": "web_search"}]),
])  # fmt: skip
def test_tools(one: Call) -> None:
    needs = needs_of(one)
    assert (needs.tools, needs.images, needs.json_schema) == (True, 0, False)


@pytest.mark.parametrize("one", [
    call(messages=said("x"), response_format={"type": "json_schema", "json_schema": SCHEMA}),
    call(messages=said("x"), guided_json=SCHEMA), call(messages=said("x"), structured_outputs={"json": SCHEMA}),
    call("responses", input="x", text={"format": {"type": "json_schema", **SCHEMA}}),
    call("messages", messages=said("x"), output_format={"type": "json_schema", **SCHEMA}),
    call("messages", messages=said("x"), output_config={"format": {"type": "json_schema", **SCHEMA}}),
])  # fmt: skip
def test_a_json_schema(one: Call) -> None:
    needs = needs_of(one)
    assert (needs.tools, needs.images, needs.json_schema) == (False, 0, True)


@pytest.mark.parametrize("one", [
    call(messages=said([{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": "https://x"}}])),
    call("messages", messages=said([{"type": "image", "source": {"type": "url", "url": "https://x"}}])),
    call("responses", input=said([{"type": "input_image", "image_url": "https://x"}])),
    call("messages", messages=said([{"type": "tool_result", "content": [{"type": "image", "source": {}}]}])),
])  # fmt: skip
def test_images(one: Call) -> None:
    assert needs_of(one) == Needs(size=len(one.body), images=1)


def test_what_only_the_callers_words_say_is_no_need() -> None:
    words = json.dumps({"type": "image", "tools": [1], "response_format": {"type": "json_schema"}}) * 3
    one = call(messages=said(words))
    assert needs_of(one) == Needs(size=len(one.body))


@pytest.mark.parametrize("pixels", [PIXELS, PIXELS.replace("/", r"\/")])
def test_the_bytes_of_images_are_no_text(pixels: str) -> None:
    part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{pixels}"}}
    one = call(messages=said([part, part]))
    needs = needs_of(one)
    assert needs.images == 2
    assert needs.size < 2000 < len(one.body)


def test_long_words_are_text_where_no_image_is() -> None:
    one = call(messages=said("x" * 5000))
    assert needs_of(one).size == len(one.body)


@given(st.binary(max_size=200))
def test_any_bytes_have_a_size(body: bytes) -> None:
    one = call()
    one.body = body
    assert needs_of(one).size == len(body)


LEAF = st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=8)
JSON = LEAF | st.lists(LEAF, max_size=4) | st.dictionaries(st.text(max_size=8), LEAF, max_size=4)


@given(st.dictionaries(st.sampled_from(["tools", "messages", "response_format", "input", "text"]), JSON))
def test_any_object_is_read(fields: dict[str, Any]) -> None:
    one = call(**fields)
    needs = needs_of(one)
    assert needs.tools == (fields.get("tools") not in (None, [], {}))
    assert (needs.size, needs.images, needs.json_schema) == (len(one.body), 0, False)
