"""What the bench of the fleet counts as a promise that was not kept. Its twin is tests/cache/test_fleet.py."""

from bench.cache_fleet import problems, rows
from bench.fleet import Outcome


def test_what_would_be_no_kept_promise_is_told() -> None:
    good = Outcome(stored=[0.1, 0.9], deleted=[0.2], flushed=[0.3], filled_again=[0.1])
    assert problems(good) == []
    assert problems(Outcome(stored=[0.1, 1.1])) == ["stored: 1.10 s until all workers knew"]
    assert len(problems(Outcome(deleted=[2], flushed=[2], filled_again=[2]))) == 3
    assert problems(Outcome(deleted=[2.0]), bar=3.0) == []
    assert problems(Outcome(flushed_away=[2.9])) == []
    assert len(problems(Outcome(flushed_away=[3.1]))) == 1
    assert problems(Outcome(faults=["q: WRONG"])) == ["q: WRONG"]


def test_the_table_has_a_row_for_each_change() -> None:
    told = rows(Outcome(stored=[0.3, 0.1, 0.2]))
    assert [row["rounds"] for row in told] == ["3", "0", "0", "0", "0"]
    assert (told[0]["p50 ms"], told[0]["max ms"]) == ("200", "300")
