"""The counts of the semantic cache."""

from __future__ import annotations

from penstock.cache.semantic.tally import BOUNDS, Tally


def test_counts_are_told_as_plain_values() -> None:
    tally = Tally()
    tally.lookups["miss", "far"] += 2
    tally.shadows["wrong"] += 1
    for equal in (True, False, None, None):
        tally.compared(equal)
    told = tally.dump()
    assert told["lookups"] == [["miss", "far", 2]]
    assert told["shadows"] == {"wrong": 1}
    assert told["equal"] == {"same": 1, "different": 1, "unknown": 2}


def test_probabilities_make_a_histogram() -> None:
    tally = Tally()
    for probability in (0.3, 0.985, 0.9999):
        tally.told(probability)
    bounds, counts, total = tally.dump()["probabilities"]
    assert bounds == list(BOUNDS)
    assert len(counts) == len(BOUNDS) + 1
    assert (counts[0], counts[BOUNDS.index(0.99)], counts[-1]) == (1, 1, 1)
    assert abs(total - 2.2849) < 1e-9
