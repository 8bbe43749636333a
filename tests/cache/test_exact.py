"""The room without a semantic cache does what the other one does where that finds nothing."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.cache.exact import ExactCache
from penstock.cache.stage import Cache
from penstock.core.errors import CallerError
from tests.support.cache_room import Rig
from tests.support.caching import exchange, id_of

CALLS: list[dict[str, Any]] = [
    {}, {}, {"stream": True}, {"temperature": 0.7}, {"store": True}, {"model": "unknown"}, {"key": "another"},
    {"headers": [(b"x-penstock-cache", b"refresh")]}, {"headers": [(b"x-penstock-cache", b"bypass")]},
    {"headers": [(b"x-penstock-cache", b"only")]}, {"headers": [(b"x-penstock-cache", b"only")], "seed": 1},
    {"headers": [(b"x-penstock-classification", b"confidential")]}, {"n": 2}, {},
]  # fmt: skip


def play(rig: Rig) -> list[tuple[str, int, bytes]]:
    """What became of each call: in the cache, at the upstream, and for its caller."""
    told = []
    for call in CALLS:
        one = exchange(**call)
        try:
            body = rig.ask(one)[1]
        except CallerError as error:
            body = error.code.encode()
        told.append((one.cache, rig.asked, body))
    return told


def test_both_rooms_do_the_same() -> None:
    plain = Rig()
    assert type(plain.room) is ExactCache
    other = Rig()
    other.room = Cache(other.shelf, other.config, other.bind, lambda _: (0.0, 0.0), lambda: 0.0)
    assert play(plain) == play(other)
    counts = [rig.shelf.counts.dump() for rig in (plain, other)]
    assert sorted(counts[0].pop("operations")) == sorted(counts[1].pop("operations"))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("mode", [b"", b"only"])
def test_an_entry_whose_answer_is_gone_is_a_miss(mode: bytes) -> None:
    rig = Rig()
    rig.ask(exchange())
    (kept,) = rig.shelf.directory
    rig.shelf.tier.drop(kept.id)
    one = exchange(headers=[(b"x-penstock-cache", mode)] if mode else [])
    if mode:
        with pytest.raises(CallerError):
            rig.ask(one)
    else:
        rig.ask(one)
        assert (one.cache, rig.asked) == ("miss", 2)
    assert rig.shelf.counts.missed == 2
    assert id_of("x") not in rig.shelf.directory.entries


def test_who_may_not_write_is_not_listened_to() -> None:
    rig = Rig(writers=["another"])
    one = exchange()
    rig.ask(one)
    assert (one.cache, len(rig.shelf.directory), rig.shelf.account.held) == ("miss", 0, 0)  # type: ignore[attr-defined]
    rig.ask(exchange(key="another"))
    assert len(rig.shelf.directory) == 1
