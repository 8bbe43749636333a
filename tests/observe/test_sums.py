from penstock.observe.sums import by_name, by_pair, numbers


def test_numbers_add_up_and_what_is_none_is_left_out() -> None:
    dumps = [{"a": 1, "b": 0.5, "now": [{"id": 1}], "alone": {"x": 1}}, {"a": 2, "b": 1.0, "now": [], "alone": {}}]
    assert numbers(dumps) == {"a": 3, "b": 1.5}
    assert numbers([]) == {}


def test_tables_add_up_by_name_and_rows_by_pair() -> None:
    assert by_name([{"t": {"x": 1, "y": 0}}, {"t": {"x": 2}}], "t") == {"x": 3, "y": 0}
    assert by_pair([{"t": [["a", "b", 1], ["a", "c", 2]]}, {"t": [["a", "b", 4]]}], "t") == {
        ("a", "b"): 5,
        ("a", "c"): 2,
    }
