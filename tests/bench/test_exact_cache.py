"""The measurements measure what they say: hits hit, misses miss, and the parts print."""

from bench import exact_cache
from bench.exact_cache import BODIES, Room, call_of


def test_the_room_of_the_bench_hits_and_misses_as_it_says() -> None:
    keeping = Room()
    once = keeping.through(call_of(BODIES["small"]))
    for _ in range(3):
        once()
    assert keeping.shelf.counts.hits == 2
    missing = Room(writers=["nobody"])
    once = missing.through(call_of(BODIES["small"]))
    for _ in range(3):
        once()
    assert missing.shelf.counts.missed == 3
    passing = Room()
    passing.through(call_of(BODIES["small"], temperature=0.7))()
    assert passing.shelf.counts.bypassed == 1


def test_an_entry_takes_what_the_directory_counts_for_it() -> None:
    (row,) = exact_cache.memory(2000)
    assert row["entries"] == "2,000"
    assert float(row["bytes an entry"].replace(",", "")) < 2000  # the sketch is of a fixed size


def test_bodies_are_asked_at_temperature_zero() -> None:
    assert call_of(BODIES["small"]).temperature == 0
    assert len(BODIES["large"]) > 70_000
