import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.admission.limit.fixed import Fixed
from penstock.admission.place import Place
from penstock.admission.queue import Queue
from tests.support.waiting import place, waiter


class Scripted:
    """A limit that changes when its test says so, and keeps what it was told."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.after: list[int] = []
        self.told: list[tuple[object, ...]] = []

    def _next(self, *told: object) -> None:
        self.told.append(told)
        if self.after:
            self.limit = self.after.pop(0)

    def begin(self, in_flight: int, now: float) -> None:
        self._next("begin", in_flight, now)

    def first(self, now: float, took: float, expected: float = 0.0) -> None:
        self._next("first", now, took, expected)

    def done(self, now: float, took: float, first_token: float | None, outcome: str) -> None:
        self._next("done", now, took, first_token, outcome)


def test_seats_are_taken_and_given_back() -> None:
    here = place(limit=2)
    free = []
    for _ in range(3):  # whoever must, may
        here.begin(0.0)
        free.append(here.free)
    assert free == [True, False, False]
    assert here.taken == 3
    here.end(1.0, 1.0, None, "ok")
    assert not here.free
    here.end(1.0, 1.0, None, "ok")
    assert (here.free, here.taken) == (True, 1)


def test_its_rule_is_told_of_every_call_and_followed() -> None:
    rule = Scripted(2)
    rule.after = [1, 3, 5]
    here = Place("p", rule, lambda _: None)
    here.begin(7.0)
    assert here.limit == 1
    here.first(8.0, 1.0, 0.5)
    assert here.limit == 3
    here.end(9.0, 2.0, 1.0, "overload")
    assert here.limit == 5
    assert rule.told == [("begin", 1, 7.0), ("first", 8.0, 1.0, 0.5), ("done", 9.0, 2.0, 1.0, "overload")]


def test_whoever_gives_seats_hears_of_a_free_one_only_while_somebody_waits() -> None:
    heard: list[Place] = []
    rule = Scripted(1)
    here = Place("p", rule, heard.append)
    here.begin(0.0)
    here.end(1.0, 1.0, None, "ok")
    assert heard == []
    those = Queue(10, 10, 0)
    here.begin(1.0)
    those.join(waiter("k", here), 1.0)
    here.end(2.0, 1.0, None, "ok")
    assert heard == [here]
    rule.after = [1, 1, 2]
    here.begin(2.0)
    here.first(2.5, 0.5, 0.0)  # the limit stays: nothing came free
    assert heard == [here]
    here.first(2.6, 0.6, 0.0)
    assert heard == [here, here]
    here.take_rule(Fixed(4))
    assert (heard, here.limit) == ([here] * 3, 4)


def test_calls_that_are_there_already_count_when_seats_become_limited() -> None:
    assert not Place("p", Fixed(2), lambda _: None, 3).free


def test_it_learns_how_long_seats_are_held_from_answers_alone() -> None:
    here = place(limit=4)
    assert (here.hold, here.rate, here.slow) == (0.0, 0.0, 0.0)
    for outcome in ("error", "left", "overload"):
        here.begin(0.0)
        here.end(9.0, 9.0, None, outcome)
    assert here.hold == 0.0
    here.begin(0.0)
    here.end(2.0, 2.0, 0.1, "ok")
    assert (here.hold, here.quick, here.slow, here.rate) == (2.0, 2.0, 2.0, 2.0)
    for _ in range(200):
        here.learn(8.0)
    assert here.hold == pytest.approx(8.0, abs=0.1)


@given(st.lists(st.floats(0.001, 1000), min_size=1, max_size=200))
def test_what_it_learned_stays_in_order(times: list[float]) -> None:
    here = place()
    for took in times:
        here.learn(took)
    assert 0.0 <= here.quick <= here.hold <= here.slow + 1e-9
    assert min(times) * 0.999 <= here.hold <= max(times) * 1.001


def test_the_quickest_tenth_is_below_quick() -> None:
    here = place()
    times = [1.0 + 0.1 * ((number * 37) % 90) for number in range(3000)]  # 1 to 9.9 s, spread evenly
    for took in times:
        here.learn(took)
    below = sum(took < here.quick for took in times) / len(times)
    assert 0.02 < below < 0.25
