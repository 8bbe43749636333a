from penstock.degrade.counts import Counts


def test_what_a_call_went_without_is_counted_by_kind_and_class() -> None:
    counts = Counts()
    counts.note("max_tokens=256, model=mini", 1)
    counts.note("cache_stale", 3)
    counts.note("max_tokens=64", 1)
    counts.note("something of another room", 0)
    counts.on, counts.steps = (0, 2), 3
    assert counts.dump() == {
        "calls": [["cache_stale", "batch", 1], ["max_tokens", "normal", 2], ["model", "normal", 1]],
        "opted_out": 0, "steps": 3, "on": [1, 3],
    }  # fmt: skip
