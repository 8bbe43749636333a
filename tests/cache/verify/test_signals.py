"""What the neighbourhood says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from penstock.cache.verify.groups import Groups
from penstock.cache.verify.lexical import prepare
from penstock.cache.verify.signals import MOST_GROUPS, NAMES, sightings

ASKED = prepare("where is my card")


def _seen(*near: tuple[str, float]) -> list[dict[str, float]]:
    groups = Groups(100)
    found = []
    for place, (group, cosine) in enumerate(near):
        entry = groups.place(place, prepare(f"{group} card {place}"), 0, group)
        found.append((place, entry, cosine))
    return [dict(zip(NAMES, sighting.values, strict=True)) for sighting in sightings(ASKED, found)]


def test_alone_a_group_has_all_agreement_and_no_rival() -> None:
    (only,) = _seen(("a", 0.9), ("a", 0.8))
    assert only["agreement"] == only["agreement_wide"] == only["agreement_narrow"] == 1.0
    assert only["margin"] == only["cosine"] == 0.9
    assert only["second"] == 0.8
    assert only["covered_elsewhere"] == 0.0


def test_the_margin_is_to_the_nearest_of_another_group() -> None:
    first, second = _seen(("a", 0.9), ("a", 0.85), ("b", 0.7), ("b", 0.6))
    assert round(first["margin"], 6) == 0.2
    assert round(second["margin"], 6) == -0.2
    assert first["agreement"] > 0.8 > 0.2 > second["agreement"]
    assert (first["nearest"], second["nearest"]) == (1.0, 0.0)


def test_at_most_three_groups_are_looked_at() -> None:
    seen = _seen(*((name, 0.9) for name in "abcde"))
    assert len(seen) == MOST_GROUPS
    assert seen[0]["rivals"] == 5 / 8


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(-1, 1)), min_size=1, max_size=8))
def test_shares_add_up(near: list[tuple[str, float]]) -> None:
    seen = _seen(*sorted(near, key=lambda one: -one[1]))
    for name in ("agreement", "agreement_wide", "agreement_narrow"):
        assert abs(sum(one[name] for one in seen) - 1) < 1e-9
