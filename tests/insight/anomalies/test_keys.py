import random

from penstock.core.windows import OTHER, Part
from penstock.insight.anomalies.keys import MOST, KeyWatch
from penstock.insight.anomalies.track import Symptom


class Callers:
    def __init__(self) -> None:
        self.watch = KeyWatch()
        self.draw = random.Random(1)
        self.at = 0.0

    def play(self, windows: int, **more: int) -> list[Symptom]:
        found: list[Symptom] = []
        for _ in range(windows):
            self.at += 10.0
            usual = {"big": 30, "small": 3, OTHER: 100}
            calls = {key: round(many * self.draw.uniform(0.6, 1.4)) for key, many in usual.items()}
            parts = {key: Part(calls=many) for key, many in (calls | more).items()}
            found = [one for one in self.watch.take(self.at, parts, False) if one.sure]
        return found


def test_a_key_that_floods_is_named_with_what_it_used_to_do() -> None:
    callers = Callers()
    assert callers.play(200) == []
    (found,) = callers.play(4, small=60)
    assert (found.measure, found.key) == ("key_calls", "small")
    assert found.expected < 5 < 30 < found.actual
    assert callers.play(20) == []


def test_a_new_key_may_flood_too() -> None:
    callers = Callers()
    callers.play(200)
    assert [one.key for one in callers.play(4, new=80)] == ["new"]


def test_what_does_not_matter_to_all_is_no_flood_nor_is_what_grows_little() -> None:
    callers = Callers()
    callers.play(200)
    assert callers.play(10, small=9) == []
    assert callers.play(10, big=70) == []


def test_before_anything_is_known_nothing_is_said() -> None:
    assert Callers().play(30, small=500) == []


def test_keys_are_bounded() -> None:
    watch = KeyWatch()
    for step in range(100):
        watch.take(step * 10.0, {f"k{step}-{number}": Part(calls=50) for number in range(50)}, False)
    assert len(watch._series) <= MOST
    assert len(watch._tracks) <= MOST
