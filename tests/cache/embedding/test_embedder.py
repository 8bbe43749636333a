"""The tally tells every end by name."""

from penstock.cache.embedding.embedder import Served, Tally


def test_the_tally_as_a_table() -> None:
    tally = Tally(embedded=3, late=1)
    told = tally.as_dict()
    assert told["embedded"] == 3
    assert told["late"] == 1
    assert sum(told.values()) == 4


def test_a_served_one_goes_in_batches() -> None:
    assert Served("upstream", "v", 3, 512).batch > 1
