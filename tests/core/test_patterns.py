import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.patterns import fits, meet, misplaced_stars, nearest, unmet

names = st.text("ab-*", max_size=5).map(lambda text: text.replace("*", ""))
patterns = st.builds(lambda name, star: name + "*" * star, names, st.booleans())


@pytest.mark.parametrize(
    ("pattern", "name", "fitting"),
    [("gpt-5", "gpt-5", True), ("gpt-*", "gpt-5", True), ("*", "", True), ("gpt-5", "gpt-5-mini", False),
     ("gpt-*", "gpt", False), ("gpt-*", "gpt-*", True)],
)  # fmt: skip
def test_a_star_stands_for_all_that_begin_so(pattern: str, name: str, fitting: bool) -> None:
    assert fits(pattern, name) is fitting


@given(patterns, patterns)
def test_two_meet_where_a_name_can_fit_both(one: str, other: str) -> None:
    candidates = {one.rstrip("*"), other.rstrip("*"), one.rstrip("*") + "x", other.rstrip("*") + "x"}
    assert meet(one, other) is meet(other, one) is any(fits(one, name) and fits(other, name) for name in candidates)


@given(st.lists(patterns), names)
def test_the_nearest_is_the_name_itself_or_the_longest_that_fits(rules: list[str], name: str) -> None:
    found = nearest(rules, name)
    fitting = [rule for rule in rules if fits(rule, name)]
    assert found == (name if name in fitting else max(fitting, key=len, default=None))


def test_what_is_wrong_with_rules() -> None:
    assert list(misplaced_stars(["a*", "a*b", "*"])) == [
        (("models", "a*b"), 'models: "a*b": a star stands at the end only, for all that begin so')
    ]
    assert [place for place, _ in unmet("batching", ["a*b", "gpt-*", "gtp-4"], ["gpt-4"])] == [
        ("batching", "models", "gtp-4")
    ]
