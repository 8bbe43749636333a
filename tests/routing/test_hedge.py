import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.call import Call
from penstock.routing.hedge import EVERY, LARGEST_BODY, LEAST, MOST_SAVED, WINDOW, Delay, Hedge, harmless_twice
from penstock.wire.operations import OPERATIONS
from tests.support.targets import call as make_call

BY_NAME = {operation.name: operation for operation in OPERATIONS}
FUNCTION = {"type": "function", "function": {"name": "f"}}


def call(operation: str = "chat", *, stream: bool = False, **fields: Any) -> Call:
    made = make_call(operation=BY_NAME[operation], model="m")
    made.body = msgspec.json.encode({"model": "m", **fields})
    made.stream = stream
    return made


@pytest.mark.parametrize("one", [
    call(), call("embeddings"), call("completions"), call("rerank"), call("messages"), call("count_tokens"),
    call(store=False), call(store=None), call(background=False), call(tools=[]), call(tools=None),
    call(tools=[FUNCTION, {"type": "custom"}]), call("messages", tools=[{"name": "f", "input_schema": {}}]),
    call("responses", store=False), call("responses", store=False, tools=[{"type": "function", "name": "f"}]),
    call("responses", store=False, conversation=None), call(messages=[{"role": "user", "content": '"store": true'}]),
])  # fmt: skip
def test_what_may_be_asked_twice(one: Call) -> None:
    assert harmless_twice(one)


@pytest.mark.parametrize("one", [
    call(store=True), call(background=True), call("responses"), call("responses", store=None),
    call("responses", store=False, background=True), call("responses", store=False, conversation="conv_1"),
    call("responses", store=False, tools=[{"type": "web_search"}]),
    call("responses", store=False, tools=[{"type": "function"}, {"type": "mcp", "server_url": "https://x"}]),
    call("messages", tools=[{"type": "web_search_20250305", "name": "web_search"}]),
    call("messages", tools=[{"type": "code_execution_20250522"}]), call("messages", mcp_servers=[{"url": "https://x"}]),
    call("messages", container="c_1"), call(web_search_options={"user_location": None}), call(plugins=[{"id": "web"}]),
    call(search_parameters={"mode": "auto"}), call(tools="x"), call(tools=[1]),
    call("images"), call("speech"), call("response_compact"), call("transcriptions"), call("files"), call("batches"),
    call(prompt="x" * LARGEST_BODY),
])  # fmt: skip
def test_what_may_not(one: Call) -> None:
    assert not harmless_twice(one)


def test_a_body_that_is_no_object_is_not_asked_twice() -> None:
    one = call()
    one.body = b"[]"
    assert not harmless_twice(one)


def test_the_delay_is_the_percentile_of_the_last_calls_once_enough_are_known() -> None:
    delay = Delay(0.9)
    for number in range(LEAST - 1):
        delay.learn(float(number))
    assert delay.seconds is None
    for number in range(LEAST - 1, 100):
        delay.learn(float(number))
    assert delay.seconds == pytest.approx(89, abs=EVERY)
    for _ in range(WINDOW):
        delay.learn(5.0)
    assert delay.seconds == 5.0, "what was long ago is forgotten"


def test_a_high_percentile_wants_more_calls() -> None:
    delay = Delay(0.99)
    for _ in range(99):
        delay.learn(1.0)
    assert delay.seconds is None
    for _ in range(EVERY):
        delay.learn(1.0)
    assert delay.seconds == 1.0


@given(st.lists(st.floats(0.001, 100), min_size=EVERY * 6, max_size=2 * WINDOW), st.sampled_from([0.5, 0.9, 0.95]))
def test_no_more_than_their_share_were_later(times: list[float], percentile: float) -> None:
    times = times[: LEAST + (len(times) - LEAST) // EVERY * EVERY]  # it is worked out at the last one
    delay = Delay(percentile)
    for seconds in times:
        delay.learn(seconds)
    last = times[-WINDOW:]
    assert delay.seconds in last
    assert sum(seconds > delay.seconds for seconds in last) <= math.floor((1 - percentile) * len(last) + 1e-6)


def test_streams_and_whole_answers_are_learned_apart_and_nobody_is_late_too_soon() -> None:
    hedge = Hedge(0.95, 0.05, 0.2)
    for _ in range(3 * EVERY):
        hedge.learn(call(stream=True), 0.001)
    assert hedge.delay(call(stream=True)) == 0.2
    assert hedge.delay(call()) is None
    for _ in range(3 * EVERY):
        hedge.learn(call(), 3.0)
    assert hedge.delay(call()) == 3.0
    assert hedge.delay(call(stream=True)) == 0.2


def test_one_that_is_alone_and_what_acts_are_not_watched() -> None:
    hedge = Hedge(0.95, 1.0, 0.0)
    assert not hedge.takes(call(), 1)
    assert not hedge.takes(call("files"), 2)
    assert not hedge.spend(), "they count for nothing"
    assert hedge.takes(call(), 2)
    assert hedge.spend()


@given(st.floats(0, 1), st.lists(st.booleans(), max_size=300))
def test_the_budget_holds_at_every_moment(budget: float, late: list[bool]) -> None:
    hedge = Hedge(0.95, budget, 0.0)
    made = 0
    for number, is_late in enumerate(late, 1):
        assert hedge.takes(call(), 2)
        made += is_late and hedge.spend()
        assert made <= budget * number + 1e-6


def test_what_a_quiet_time_saves_is_bounded() -> None:
    hedge = Hedge(0.95, 0.5, 0.0)
    for _ in range(1000):
        hedge.takes(call(), 2)
    assert sum(hedge.spend() for _ in range(1000)) == MOST_SAVED
