from penstock.grouping.counts import ALONE, Counts


def test_all_numbers_are_told_and_are_copies() -> None:
    counts = Counts()
    counts.led, counts.waited = 2, 0.5
    told = counts.dump()
    counts.alone["size"] += 1
    assert (told["led"], told["waited"], told["alone"]) == (2, 0.5, dict.fromkeys(ALONE, 0))
    assert set(told) == set(Counts.__slots__)
