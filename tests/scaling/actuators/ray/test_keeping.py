import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from penstock.net.children import Backoff
from penstock.scaling.actuators.ray import keeping
from penstock.scaling.actuators.ray.keeping import KILL_SECONDS, SOUND_SECONDS, UNSEEN_SECONDS, Keeping, Step
from penstock.scaling.actuators.ray.line import Told

STOP = 10.0


class Played:
    """A cluster that does what it is told: what was started stands, ready at once, what was ended is gone."""

    def __init__(self) -> None:
        numbers = itertools.count(1)
        self.now = 1000.0
        self.keeping = Keeping(lambda: f"p/{next(numbers)}", STOP, backoff=Backoff(1.0, 60.0, lambda: 0.5))
        self.actors: dict[str, Told] = {}

    def look(self, seconds: float = 1.0, does: bool = True) -> list[Step]:
        self.now += seconds
        steps = self.keeping.take(list(self.actors.values()), self.now)
        for step in steps:
            if step.do == "start":
                self.actors[step.name] = Told(step.name, "ready", f"h:{step.name[2:]}", self.now, 1.0)
            elif does:
                self.actors.pop(step.name, None)
        return steps

    def settled(self) -> "Played":
        for _ in range(10):
            self.look()
        return self

    @property
    def names(self) -> list[str]:
        return [one.name for one in self.keeping.standing().of("ready")]


def having(count: int) -> Played:
    played = Played()
    played.keeping.want(count, [])
    return played.settled()


def test_what_is_wanted_is_started_once() -> None:
    played = Played()
    assert played.look() == []
    assert played.keeping.standing().wanted == -1
    played.keeping.want(2, [])
    assert played.look() == [Step("start", "p/1"), Step("start", "p/2")]
    assert played.look() == []
    standing = played.keeping.standing()
    assert ([one.address for one in standing.of("ready")], standing.wanted) == (["h:1", "h:2"], 2)


def test_those_of_an_earlier_life_are_taken_over() -> None:
    played = Played()
    played.actors["p/old"] = Told("p/old", "ready", "h:0", 900.0, 5.0)
    assert played.look() == []
    assert played.names == ["p/old"]
    played.keeping.want(1, [])
    assert played.settled().names == ["p/old"]


def test_victims_go_first_and_nobody_else_before_them() -> None:
    played = having(3)
    played.keeping.want(4, [])
    played.look()
    played.keeping.want(2, ["p/2", "p/2", "p/3"])
    assert played.look() == [Step("end", "p/2"), Step("end", "p/3")]
    played.keeping.want(1, [])
    assert played.look() == [Step("end", "p/4")], "without a victim the youngest"
    assert played.names == ["p/1"]


def test_one_that_drains_keeps_its_place_until_it_goes() -> None:
    played = having(2)
    played.keeping.drain("p/1", True)
    assert played.look() == []
    assert [one.name for one in played.keeping.standing().of("draining")] == ["p/1"]
    played.keeping.want(1, [])
    assert played.look() == [Step("end", "p/1")]
    again = having(1)
    again.keeping.drain("p/1", True)
    again.keeping.drain("p/1", False)
    again.keeping.drain("p/none", True)
    assert again.names == ["p/1"]


def test_one_that_served_is_replaced_at_once() -> None:
    played = having(2)
    played.look(SOUND_SECONDS + 1)
    del played.actors["p/1"]
    assert played.look() == [Step("start", "p/3")]
    (failed,) = played.keeping.standing().of("failed")
    assert failed.name == "p/1"
    assert "died" in failed.trouble
    played.actors["p/2"] = Told("p/2", "gone", trouble="its node has died")
    assert played.look() == [Step("hard", "p/2"), Step("start", "p/4")]


def test_those_that_never_serve_are_tried_ever_more_seldom() -> None:
    played = Played()
    played.keeping.want(1, [])
    begun = []
    for _ in range(200):
        for step in played.look():
            if step.do == "start":
                begun.append(played.now)
                played.actors[step.name] = Told(step.name, "failed", trouble="no such model")
    gaps = [later - earlier for earlier, later in itertools.pairwise(begun)]
    assert gaps == sorted(gaps)
    assert len(begun) < 10
    assert "no such model" in played.keeping.standing().of("failed")[0].trouble
    played.look(61.0)  # mended: it stays, and what failed is forgotten
    played.actors = {name: Told(name, "ready", "h:1", 1.0, 1.0) for name in played.actors}
    played.look()
    assert len(played.names) == 1
    assert not played.keeping.standing().of("failed")


def test_one_that_was_started_and_is_never_seen_is_given_up() -> None:
    played = Played()
    played.keeping.want(1, [])
    played.look()
    played.actors.clear()
    assert played.look() == []
    assert [step.do for step in played.look(UNSEEN_SECONDS)] == []
    assert not played.keeping.standing().of("starting")
    assert [step.do for step in played.look(5.0)] == ["start"]


def test_one_that_will_not_end_is_killed() -> None:
    played = having(1)
    played.keeping.want(0, ["p/1"])
    assert played.look(does=False) == [Step("end", "p/1")]
    assert played.look(STOP, does=False) == []
    assert played.look(KILL_SECONDS, does=False) == [Step("hard", "p/1")]
    assert played.keeping.standing().replicas == []
    assert played.names == []


def test_one_without_a_place_says_so_and_one_that_is_silent_stays() -> None:
    played = having(1)
    played.actors["p/1"] = Told("p/1", "silent", "h:1", 1000.0, 1.0)
    assert played.look() == []
    (replica,) = played.keeping.standing().replicas
    assert (replica.state, replica.trouble) == ("ready", "its node does not answer")
    played.keeping.want(2, [])
    played.look()
    played.actors["p/2"] = Told("p/2", "placing")
    played.look()
    (waits,) = played.keeping.standing().of("starting")
    assert waits.trouble == "Ray has not placed it yet"
    assert played.look(3600.0) == [], "it may wait as long as the cluster needs to grow"
    played.keeping.want(1, [])
    assert played.look() == [Step("hard", "p/2")], "there is no command to end"


def test_one_that_the_cluster_refused_is_tried_later() -> None:
    played = Played()
    played.keeping.want(1, [])
    (step,) = played.keeping.take([], played.now)
    played.keeping.never_began(step.name, "no", played.now)
    played.keeping.never_began("p/unknown", "no", played.now)
    assert played.look(0.1) == []
    assert [one.do for one in played.look(2.0)] == ["start"]


def test_never_more_starts_at_a_time_than_its_bound() -> None:
    played = Played()
    played.keeping.want(100, [])
    assert len(played.look()) == keeping.MOST_STARTS


@given(st.lists(st.one_of(st.integers(0, 5), st.sampled_from(["die", "fail", "drain"])), max_size=30))
def test_whatever_happens_it_comes_to_what_is_wanted(events: list[Any]) -> None:
    played = Played()
    played.keeping.want(1, [])
    for event in events:
        played.look()
        alive = list(played.actors)
        if isinstance(event, int):
            played.keeping.want(event, alive[:1])
        elif alive and event == "die":
            del played.actors[alive[0]]
        elif alive and event == "fail":
            played.actors[alive[0]] = Told(alive[0], "failed", trouble="x")
        elif alive:
            played.keeping.drain(alive[0], True)
    for _ in range(5):
        played.look(90.0)
    standing = played.keeping.standing()
    assert len(standing.of("ready", "draining")) == standing.wanted
    assert set(played.actors) == {one.name for one in standing.of("ready", "draining")}


def test_those_that_are_outdated_are_told_until_they_are_gone() -> None:
    played = having(2)
    played.keeping.outdate()
    assert [one.stale for one in played.keeping.standing().of("ready")] == [True, True]
    played.keeping.want(3, [])
    played.settled()
    assert [(one.name, one.stale) for one in played.keeping.standing().of("ready")] == [
        ("p/1", True), ("p/2", True), ("p/3", False),
    ]  # fmt: skip
    played.keeping.want(2, ["p/1"])
    played.settled()
    assert [(one.name, one.stale) for one in played.keeping.standing().of("ready")] == [("p/2", True), ("p/3", False)]
