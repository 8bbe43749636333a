from penstock.store.counts import LOST, OPERATIONS, RESULTS, Counts


def test_lost_are_the_writes_that_never_arrived() -> None:
    counts = Counts()
    assert counts.lost == 0
    counts.note("put", "ok", 5)
    counts.note("put", "full")
    counts.note("append", "lost", 3)
    counts.note("put", "large")
    counts.note("get", "away", 9)
    assert counts.lost == 5
    assert ["put", "ok", 5] in counts.rows()
    assert counts.rows() == sorted(counts.rows())


def test_the_results_are_a_closed_set() -> None:
    assert set(LOST) < set(RESULTS)
    assert len(set(OPERATIONS)) == len(OPERATIONS)
