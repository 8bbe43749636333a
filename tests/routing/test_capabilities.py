import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.call import Call
from penstock.routing import capabilities as module
from penstock.routing.capabilities import IMAGE_TOKENS, SURE, UNKNOWN, Capabilities, Fit
from penstock.routing.needs import Needs, needs_of
from penstock.routing.sizes import BYTES_PER_TOKEN, Sizes
from tests.support.targets import call

ALL = Needs(size=4000, output=100, images=1, tools=True, json_schema=True)


def lacks(needs: Needs, **known: int | bool) -> str:
    return Capabilities(**known).lacks(needs, Sizes())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "what"),
    [
        ({"tools": False}, "takes no tools"),
        ({"vision": False}, "takes no images"),
        ({"json_schema": False}, "keeps to no JSON schema"),
        ({"context": 500}, "has room for 500 tokens, not for some 1900"),
    ],
)
def test_what_is_missing_is_named(known: dict[str, int | bool], what: str) -> None:
    assert lacks(ALL, **known) == what
    assert lacks(Needs(), **known) == ""


def test_what_is_unknown_is_not_missing() -> None:
    assert UNKNOWN.lacks(ALL, Sizes()) == ""
    assert lacks(ALL, tools=True, vision=True, json_schema=True, context=100_000) == ""


def test_room_is_for_prompt_and_answer_and_only_what_is_surely_too_long_lacks_it() -> None:
    fits = int(1000 * SURE * BYTES_PER_TOKEN)
    assert lacks(Needs(size=fits), context=1000) == ""
    assert lacks(Needs(size=fits + 8), context=1000) != ""
    assert lacks(Needs(size=fits, output=1), context=1000) != ""
    assert lacks(Needs(images=1), context=IMAGE_TOKENS - 1) != ""


def test_the_estimate_is_what_the_model_has_taught() -> None:
    sizes = Sizes()
    for _ in range(200):
        sizes.learn(1000, 1000, 1)
    assert Capabilities(context=1000).lacks(Needs(size=2000), sizes) != ""
    assert Capabilities(context=1000).lacks(Needs(size=2000), Sizes()) == ""


@given(st.integers(0, 10**7), st.integers(0, 10**5), st.integers(1, 10**6))
def test_more_room_never_lacks_more(size: int, output: int, context: int) -> None:
    needs = Needs(size=size, output=output)
    if lacks(needs, context=context) == "":
        assert lacks(needs, context=context + 1000) == ""


def test_a_call_is_read_once_and_only_where_something_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Call] = []

    def reading(one: Call) -> Needs:
        read.append(one)
        return needs_of(one)

    monkeypatch.setattr(module, "needs_of", reading)
    one = call()
    one.body = msgspec.json.encode({"model": "m", "tools": [{"type": "function"}]})
    fit = Fit(one)
    assert fit.lacks(UNKNOWN, Sizes()) == ""
    assert read == []
    assert fit.lacks(Capabilities(tools=False), Sizes()) == "takes no tools"
    assert fit.lacks(Capabilities(context=9), Sizes()) == ""
    assert read == [one]
