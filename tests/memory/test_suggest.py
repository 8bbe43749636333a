import pytest

from penstock.memory.suggest import Cache, Objects, suggestions

MIB = 1024 * 1024


def about(**given: object) -> list[tuple[str, str]]:
    asked = {"share": 0.1, "accounts": {"bodies": 5, "cache": 9}, **given}
    return [(one.about, one.name) for one in suggestions(**asked)]  # type: ignore[arg-type]


def test_nothing_is_said_where_all_is_well() -> None:
    assert about() == []
    assert about(share=0.7, pauses=0.1) == []


def test_the_largest_holder_is_named_where_memory_is_short() -> None:
    assert about(share=0.71) == [("pressure", "cache")]
    assert about(share=0.71, accounts={}) == []


@pytest.mark.parametrize(
    ("hits", "lookups", "held", "told"),
    [(499, 1000, 60, True), (500, 1000, 60, False), (0, 999, 60, False), (0, 1000, 50, False), (0, 0, 100, False)],
)
def test_a_full_cache_that_seldom_hits_is_too_large(hits: int, lookups: int, held: int, told: bool) -> None:
    assert (("hit_rate", "cache") in about(caches=[Cache("cache", hits, lookups, held, 100)])) is told


@pytest.mark.parametrize(("number", "mean", "told"), [(100, 81.0, True), (99, 81.0, False), (100, 80.0, False)])
def test_objects_near_their_bound(number: int, mean: float, told: bool) -> None:
    found = suggestions(share=0.0, accounts={}, objects=[Objects("bodies", number, mean, 100, "listen.max_body")])
    assert bool(found) is told
    assert all("listen.max_body" in one.text for one in found)


def test_long_pauses() -> None:
    assert about(pauses=0.11) == [("pauses", "collector")]
