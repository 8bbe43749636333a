from hypothesis import given
from hypothesis import strategies as st

from penstock.scaling.learned import PROMPT_TOKEN
from penstock.scaling.work import work

COUNT = st.integers(0, 10**7)


def test_tokens_of_answers_count_whole_and_those_of_prompts_in_part() -> None:
    assert work(1, 1000, 0, 50) == 50 + 1000 * PROMPT_TOKEN
    assert work(1, 1000, 1000, 50) == 50, "what was cached is no work"
    assert work(3, 0, 0, 0) == 3, "calls without tokens are something, too"


@given(COUNT, COUNT, COUNT, COUNT)
def test_more_is_never_less_work(calls: int, tokens_in: int, cached: int, tokens_out: int) -> None:
    whole = work(calls, tokens_in, cached, tokens_out)
    assert whole >= calls
    assert work(calls + 1, tokens_in + 10, cached, tokens_out + 1) >= whole
    assert work(calls, tokens_in, cached + 1, tokens_out) <= whole
