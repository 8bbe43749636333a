from penstock.coalesce.counts import REASONS, Counts


def test_all_is_dumped_and_a_dump_is_not_the_counts() -> None:
    counts = Counts()
    counts.led = 3
    counts.alone["memory"] = 2
    dump = counts.dump()
    counts.alone["memory"] = 9
    assert (dump["led"], dump["alone"]["memory"], set(dump["alone"])) == (3, 2, set(REASONS))
    assert set(dump) == set(Counts.__slots__) - {"kept"}
