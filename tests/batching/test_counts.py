"""Numbers as plain values."""

from penstock.batching.counts import SIZES, WAITS, Counts


def test_a_dump_is_plain_and_sums_up() -> None:
    counts = Counts()
    counts.left(3, 2)
    counts.left(40, 33)
    counts.waited(0.003)
    counts.waited(9.0)
    counts.batches["embeddings", "ok"] += 2
    counts.alone["embeddings", "free"] += 1
    told = counts.dump()
    assert (told["items"], told["callers"], sum(told["sizes"])) == (43, 35, 2)
    assert len(told["sizes"]) == len(SIZES) + 1
    assert (len(told["waits"]), told["waits"][-1], told["wait_seconds"]) == (len(WAITS) + 1, 1, 9.003)
    assert told["batches"] == [["embeddings", "ok", 2]]
    assert told["alone"] == [["embeddings", "free", 1]]
    assert "0 wait" in repr(counts)
