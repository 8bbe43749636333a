import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.routing.sizes import BYTES_PER_TOKEN, OUTPUT_TOKENS, Sizes


def test_before_anything_is_known_four_bytes_are_a_token() -> None:
    sizes = Sizes()
    assert sizes.tokens(4000) == 1000
    assert (sizes.per_token, sizes.output) == (BYTES_PER_TOKEN, OUTPUT_TOKENS)


def test_the_callers_limit_bounds_the_answer_that_is_expected() -> None:
    sizes = Sizes()
    assert sizes.answer(None) == OUTPUT_TOKENS
    assert sizes.answer(16) == 16
    assert sizes.answer(4096) == OUTPUT_TOKENS


def test_it_comes_to_what_answers_tell() -> None:
    sizes = Sizes()
    for _ in range(200):
        sizes.learn(3000, 1000, 40)
    assert sizes.per_token == pytest.approx(3.0, rel=0.01)
    assert sizes.output == pytest.approx(40, rel=0.01)


def test_untold_usage_teaches_nothing() -> None:
    sizes = Sizes()
    sizes.learn(3000, 0, 0)
    sizes.learn(0, 100, 0)
    assert (sizes.per_token, sizes.output) == (BYTES_PER_TOKEN, OUTPUT_TOKENS)


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**6)), max_size=60))
def test_no_usage_however_odd_leads_out_of_reason(told: list[tuple[int, int, int]]) -> None:
    sizes = Sizes()
    for size, prompt, output in told:
        sizes.learn(size, prompt, output)
        assert 0.5 <= sizes.per_token <= 1024
        assert 0 < sizes.output <= 10**6
        assert sizes.tokens(size) >= 0
        assert 0 < sizes.answer(1) <= 1
    assert repr(sizes).startswith("<Sizes ")
