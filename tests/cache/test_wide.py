"""It is a dictionary, however many are in it."""

from __future__ import annotations

import random

import pytest

from penstock.cache.wide import PARTS, SMALL, Wide


def test_it_holds_what_a_dictionary_holds() -> None:
    draw = random.Random(1)
    wide: Wide[int, int] = Wide()
    plain: dict[int, int] = {}
    for step in range(6 * SMALL):
        key = draw.randrange(2 * SMALL)
        if step % 4:
            wide[key] = plain[key] = step
        else:
            assert wide.pop(key, None) == plain.pop(key, None)
        assert wide.get(key) == plain.get(key)
        assert (key in wide) == (key in plain)
    assert len(plain) > SMALL
    assert len(wide.parts) == PARTS
    assert (dict(wide), len(wide), bool(wide)) == (plain, len(plain), True)


def test_few_stay_together_and_in_order() -> None:
    wide: Wide[bytes, int] = Wide()
    for number in (3, 1, 2):
        wide[b"%d" % number] = number
    assert (list(wide.values()), len(wide.parts)) == ([3, 1, 2], 1)
    with pytest.raises(KeyError):
        wide[b"4"]
    wide.clear()
    assert not wide
    assert len(wide) == 0
