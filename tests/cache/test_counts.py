"""Plain numbers."""

import msgspec

from penstock.cache.counts import BOUNDS, Counts


def test_hits_sum_up_what_they_saved() -> None:
    counts = Counts()
    counts.hit("exact", (3, 2), 50, 0.5)
    counts.hit("exact", (1, 1), 10, 0.25)
    counts.operations["exact", "miss"] += 1
    counts.missed += 2
    dumped = msgspec.json.decode(msgspec.json.encode(counts.dump()))
    assert sorted(dumped["operations"]) == [["exact", "bypass", 0], ["exact", "hit", 2], ["exact", "miss", 3]]
    assert dumped["saved"] == {"tokens_in": 4, "tokens_out": 3, "micro_dollars": 60, "seconds": 0.75}


def test_lookups_fall_into_their_buckets() -> None:
    lookups = Counts().lookups["exact"]
    for seconds in (0.000005, 0.00001, 0.0003, 9.0):
        lookups.note(seconds)
    assert lookups.counts[0] == 2
    assert lookups.counts[BOUNDS.index(0.0005)] == 1
    assert lookups.counts[-1] == 1
    assert lookups.sum > 9
