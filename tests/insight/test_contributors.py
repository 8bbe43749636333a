import pytest

from penstock.core.windows import OTHER, Part, Window
from penstock.insight.contributors import LAG, MOST_VALUES, Cell, Parts, shares, surprise, whose


@pytest.mark.parametrize(
    ("changes", "dimension", "value"),
    [
        ((0.7, 0.0, 0.7, 0.0), "upstream", "u1"),
        ((0.7, 0.7, 0.0, 0.0), "model", "a"),
        ((0.7, 0.0, 0.0, 0.0), "pair", "a at u1"),
        ((0.7, 0.7, 0.7, 0.7), "gateway", "all"),
        ((0.72, 0.03, 0.64, -0.05), "upstream", "u1"),
    ],
)
def test_the_simplest_guess_that_leaves_least_unexplained(
    changes: tuple[float, ...], dimension: str, value: str
) -> None:
    places = (("a", "u1"), ("a", "u2"), ("b", "u1"), ("b", "u2"))
    found = whose(Cell(*place, change, 100.0) for place, change in zip(places, changes, strict=True))
    assert found is not None
    assert (found.dimension, found.value) == (dimension, value)
    assert found.share > 0.9


def test_one_pair_alone_is_told_by_its_upstream() -> None:
    found = whose([Cell("a", "u1", 0.7, 100.0)])
    assert found is not None
    assert (found.dimension, found.value) == ("upstream", "u1")
    assert whose([]) is None


def test_a_cell_of_which_little_is_known_says_little() -> None:
    cells = [
        Cell("a", "u1", 0.7, 200.0),
        Cell("b", "u1", 0.1, 0.5),
        Cell("a", "u2", 0.0, 200.0),
        Cell("b", "u2", 0.0, 200.0),
    ]
    found = whose(cells)
    assert found is not None
    assert found.value == "u1"


def test_what_is_known_to_the_last_percent_need_not_have_changed_by_the_same() -> None:
    fresh = [
        Cell("a", "u1", 0.57, 1e5),
        Cell("b", "u1", 0.25, 1e5),
        Cell("a", "u2", 0.0, 1e5),
        Cell("b", "u2", 0.0, 1e5),
    ]
    found = whose(fresh)
    assert found is not None
    assert (found.dimension, found.value) == ("upstream", "u1")


def test_of_two_measures_that_change_together_the_guess_that_explains_both_wins() -> None:
    first = [Cell("a", "u1", 0.5, 40.0), Cell("a", "u2", 0.5, 40.0), Cell("b", "u1", 0.1, 40.0)]
    gaps = [Cell("a", "u1", 0.7, 90.0), Cell("a", "u2", 0.0, 90.0), Cell("b", "u1", 0.7, 90.0)]
    for measures, blamed in (((first,), "a"), ((first, gaps), "u1"), ((gaps,), "u1")):
        found = whose(*measures)
        assert found is not None
        assert found.value == blamed


def test_the_value_whose_share_changed_explains_a_sum() -> None:
    odd, named = shares({"a": 100.0, "b": 50.0}, {"a": 105.0, "b": 300.0})
    assert [(one.value, one.share > 0.9) for one in named] == [("b", True)]
    assert odd > 0.01


def test_a_change_of_all_in_proportion_surprises_nobody() -> None:
    odd, named = shares({"a": 100.0, "b": 50.0}, {"a": 200.0, "b": 100.0})
    assert odd == pytest.approx(0.0)
    assert named
    assert shares({}, {"a": 1.0}) == (0.0, [])
    assert shares({"a": 1.0}, {"a": 1.0}) == (0.0, [])
    assert surprise(0.0, 0.0) == 0.0


def window(number: int, **calls: int) -> Window:
    return Window(number * 10.0, parts={"key": {key: Part(calls=many) for key, many in calls.items()}})


def test_now_is_compared_with_what_was_two_minutes_ago() -> None:
    parts = Parts()
    for number in range(100):
        parts.take(window(number, a=10, b=10))
    for number in range(100, 106):
        parts.take(window(number, a=10, b=90))
    assert parts.usual("key", "calls") == pytest.approx({"a": 60.0, "b": 60.0})
    assert parts.now("key", "calls") == {"a": 60.0, "b": 540.0}
    (found,) = parts.explain("calls", ("tag", "key"))
    assert (found.dimension, found.value) == ("key", "b")


def test_what_is_not_usual_is_not_learned_and_names_are_bounded() -> None:
    parts = Parts()
    for number in range(LAG + 1):
        parts.take(window(number, a=10))
    before = parts.usual("key", "calls")
    parts.take(window(50, a=10), learns=False)
    assert parts.usual("key", "calls") == before
    for number in range(60, 60 + MOST_VALUES + 100):
        parts.take(window(number, **{f"k{number}": 1000}))
    assert len(parts.usual("key", "calls")) <= MOST_VALUES + 1
    assert OTHER in parts.usual("key", "calls")
