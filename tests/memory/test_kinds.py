from penstock.memory.kinds import count_types, growing, named


class Odd:
    """A type that only this test has."""


def test_objects_are_counted_by_type() -> None:
    before = count_types(10**9)
    kept = [Odd() for _ in range(500)]
    assert count_types(10**9)[f"{__name__}.Odd"] - before[f"{__name__}.Odd"] == 500
    del kept


def test_of_many_a_sample_stands_for_all() -> None:
    kept = [Odd() for _ in range(20_000)]
    sampled = count_types(5_000)[f"{__name__}.Odd"]
    assert 10_000 < sampled < 40_000
    del kept


def test_what_grew_most_comes_first() -> None:
    assert growing({"a": 5, "b": 5, "c": 1}, {"a": 7, "b": 2, "c": 9, "d": 2}) == [("c", 8), ("a", 2), ("d", 2)]
    assert growing({}, {"a": 1, "b": 2}, most=1) == [("b", 2)]


def test_built_in_types_go_by_themselves() -> None:
    assert named(dict) == "dict"
    assert named(Odd) == f"{__name__}.Odd"
