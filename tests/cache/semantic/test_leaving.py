"""Much is given up in many steps, little in one."""

from __future__ import annotations

from collections import deque

from penstock.cache.semantic.leaving import SHED, Leaving


def test_little_goes_at_once() -> None:
    told: list[int] = []
    leaving = Leaving(told.append)
    leaving.put({"a": 1, "b": 2})
    leaving.put(deque([3]))
    assert sorted(told) == [1, 2, 3]
    assert not leaving
    assert not leaving.shed()


def test_much_goes_in_steps_and_each_thing_once() -> None:
    told: list[int] = []
    leaving = Leaving(told.append)
    leaving.put(dict(enumerate(range(3 * SHED))))
    leaving.put(deque(range(3 * SHED, 5 * SHED)))
    assert told == []
    steps = 1
    while leaving.shed():
        assert len(told) == steps * SHED
        steps += 1
    assert steps == 5
    assert sorted(told) == list(range(5 * SHED))
    assert not leaving


def test_as_many_as_are_asked_for() -> None:
    told: list[int] = []
    leaving = Leaving(told.append)
    leaving.put(dict(enumerate(range(2 * SHED))))
    assert leaving.shed(4)
    assert len(told) == 4
