"""What is to be done to a pool: by example, and by laws that hold whatever is wanted and whatever dies."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as some
from msgspec import structs

from penstock.scaling.pools.plan import MORE_SECONDS, MOST_GOING, Going, Plan, Under, plan
from penstock.scaling.replica import Replica, Standing


def standing(*names: str, starting: str = "", wanted: int = 0) -> Standing:
    ready = [Replica(name, f"h:{name}", "ready", asked=float(ord(name[0]))) for name in names]
    return Standing(wanted, ready + [Replica(name, "", "starting", asked=float(ord(name))) for name in starting])


def calls(**number: int) -> dict[str, Under]:
    return {name: Under(count, float(count)) for name, count in number.items()}


def test_what_is_missing_is_asked_for() -> None:
    assert plan(standing("a"), 3, {}, {}, 0.0, 10.0) == Plan(ask=3)


def test_the_emptiest_goes_and_is_drained_first() -> None:
    made = plan(standing(*"abc"), 1, {}, calls(a=0, b=5, c=1), 0.0, 10.0)
    assert (sorted(made.drain), made.end, made.ask) == (["a", "c"], [], 3)


def test_one_that_does_not_serve_yet_goes_before_those_that_do_and_at_once() -> None:
    made = plan(standing("a", starting="bc"), 2, {}, calls(a=0), 0.0, 10.0)
    assert (made.end, made.drain, made.ask) == (["c"], [], 2)


def test_it_is_taken_out_of_routing_when_it_is_empty_and_ends_when_it_still_is() -> None:
    drained = {"a": Under(drained=True), "b": Under(3, 3.0)}
    assert plan(standing(*"ab"), 1, {"a": Going(0.0)}, drained, 1.0, 10.0).out == ["a"]
    made = plan(standing(*"ab"), 1, {"a": Going(0.0, out=1.0)}, drained, 1.0, 10.0)
    assert (made.end, made.ask) == (["a"], 1)
    late = {"a": Under(1, drained=True), "b": Under(3, 3.0)}  # a call had still chosen it
    assert plan(standing(*"ab"), 1, {"a": Going(0.0, out=1.0)}, late, 1.0, 10.0) == Plan(ask=2)


def test_its_calls_are_moved_once_its_time_is_over_if_somebody_else_serves() -> None:
    under = {"a": Under(2, drained=True), "b": Under(3, 3.0)}
    assert plan(standing(*"ab"), 1, {"a": Going(0.0)}, under, 9.0, 10.0).move == []
    assert plan(standing(*"ab"), 1, {"a": Going(0.0)}, under, 10.0, 10.0).move == ["a"]
    assert plan(standing("a", starting="b"), 1, {"a": Going(0.0)}, under, 10.0, 10.0).move == []


def test_what_cannot_be_moved_has_more_time_and_not_for_ever() -> None:
    under = {"a": Under(1, drained=True), "b": Under()}
    made = plan(standing(*"ab"), 1, {"a": Going(0.0)}, under, 9.9 + MORE_SECONDS, 10.0)
    assert (made.move, made.out) == (["a"], [])
    assert plan(standing(*"ab"), 1, {"a": Going(0.0)}, under, 10.0 + MORE_SECONDS, 10.0).out == ["a"]


def test_while_a_worker_is_silent_nothing_ends() -> None:
    under = {"a": Under(drained=True, complete=False)}
    assert plan(standing(*"ab"), 1, {"a": Going(0.0)}, under, 1.0, 10.0) == Plan(ask=2)


def test_the_fullest_that_goes_is_taken_back_before_another_is_started() -> None:
    going = {"a": Going(0.0), "b": Going(0.0), "c": Going(0.0, out=1.0)}
    under = {"a": Under(1, drained=True), "b": Under(4, drained=True), "c": Under(9)}
    made = plan(standing(*"abcd"), 2, going, under, 1.0, 10.0)
    assert (made.back, made.ask) == (["b"], 4)
    assert plan(standing(*"abcd"), 4, going, under, 1.0, 10.0).ask == 5  # one more than can be taken back


def test_one_whose_drain_was_forgotten_is_drained_again() -> None:
    assert plan(standing(*"ab"), 1, {"a": Going(0.0)}, calls(a=1, b=1), 1.0, 10.0).drain == ["a"]


def test_so_many_go_at_once_and_no_more() -> None:
    names = [f"r{number}" for number in range(MOST_GOING + 50)]
    pool = Standing(0, [Replica(name, name, "ready") for name in names])
    made = plan(pool, 0, {}, {name: Under(1) for name in names}, 0.0, 10.0)
    assert (len(made.drain), made.ask) == (MOST_GOING, len(names))


@dataclass
class World:
    """An actuator that does what it is asked, and routing, played."""

    replicas: dict[str, Replica] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    drained: set[str] = field(default_factory=set)
    going: dict[str, Going] = field(default_factory=dict)
    asked: int = 0
    number: int = 0
    now: float = 0.0
    cut: int = 0
    room: int = 99
    made: Plan = field(default_factory=Plan)

    def step(self, wanted: int) -> None:
        self.now += 1.0
        self.going = {name: one for name, one in self.going.items() if name in self.replicas}
        pool = Standing(self.asked, list(self.replicas.values()), tight=len(self.replicas) >= self.room)
        under = {
            name: Under(self.calls.get(name, 0), self.calls.get(name, 0), name in self.drained)
            for name, one in self.replicas.items()
            if one.state == "ready" and not (name in self.going and self.going[name].out and not self.calls.get(name))
        }
        made = self.made = plan(pool, wanted, self.going, under, self.now, 3.0)
        for name in made.back:
            assert not self.going[name].out
            del self.going[name]
            self.drained.discard(name)
        for name in (*made.drain, *made.move, *made.out, *made.end):
            self.going.setdefault(name, Going(self.now))
        self.drained |= set(made.drain)
        for name in made.move:
            self.calls[name] = 0
        for name in made.out:
            self.going[name].out = self.now
        for name in made.end:
            self.cut += self.calls.pop(name, 0)
            del self.replicas[name]
        self.asked = made.ask
        assert len(self.replicas) <= made.ask or made.end
        while len(self.replicas) < min(made.ask, self.room):
            self.number += 1
            self.replicas[f"r{self.number}"] = Replica(
                f"r{self.number}", f"h:{self.number}", "starting", asked=self.now
            )

    def resize(self) -> None:
        """All that stand are of another size from now on."""
        self.replicas = {name: structs.replace(one, stale=True) for name, one in self.replicas.items()}

    def serving(self) -> int:
        return sum(one.state == "ready" and name not in self.going for name, one in self.replicas.items())


happens = some.one_of(
    some.tuples(some.just("want"), some.integers(0, 6)),
    some.tuples(some.sampled_from(["ready", "die", "call", "end", "resize", "nothing"]), some.integers(0, 9)),
)


def rest(world: World, wanted: int) -> int:
    """All that starts gets ready. The fewest that served meanwhile."""
    served = []
    for _ in range(72):
        for name, one in world.replicas.items():
            if one.state == "starting":
                world.replicas[name] = structs.replace(one, address=f"h:{name}", state="ready")
        world.step(wanted)
        served.append(world.serving())
        if not wanted:  # nobody could take its calls: they end by themselves
            world.calls = dict.fromkeys(world.calls, 0)
    return min(served)


@settings(max_examples=150, deadline=None)
@given(some.lists(happens, max_size=60))
def test_whatever_happens_no_call_is_cut_nobody_needed_goes_and_it_comes_to_rest(steps: list[tuple[str, int]]) -> None:
    world, wanted = World(), 1
    for does, number in steps:
        names = sorted(world.replicas)
        name = names[number % len(names)] if names else ""
        if does == "want":
            wanted = number
        elif does == "ready" and name:
            world.replicas[name] = structs.replace(world.replicas[name], address=f"h:{name}", state="ready")
        elif does == "resize":
            world.resize()
        elif does == "die" and name:
            del world.replicas[name]
            world.calls.pop(name, None)
        elif does == "call" and name and world.replicas[name].state == "ready" and name not in world.going:
            world.calls[name] = world.calls.get(name, 0) + 1
        elif does == "end" and name and world.calls.get(name):
            world.calls[name] -= 1
        before = world.serving()
        world.step(wanted)
        assert world.serving() >= min(before, wanted)
        assert world.cut == 0
    rest(world, wanted)
    assert (len(world.replicas), world.going, world.cut) == (wanted, {}, 0)
    assert not any(one.stale for one in world.replicas.values())


def test_those_of_another_size_are_replaced_one_by_one_and_never_fewer_serve() -> None:
    world = World()
    rest(world, 3)
    world.calls = dict.fromkeys(world.replicas, 4)
    world.resize()
    most, before = 0, set(world.replicas)
    for _ in range(60):
        for name, one in world.replicas.items():
            if one.state == "starting":
                world.replicas[name] = structs.replace(one, address=f"h:{name}", state="ready")
        world.step(3)
        most = max(most, len(world.replicas))
        assert world.serving() >= 3
        assert len(world.going) <= 1
    assert (most, world.cut, set(world.replicas) & before) == (4, 0, set())
    assert (len(world.replicas), world.asked) == (3, 3)


def test_without_room_for_one_more_one_goes_before_its_successor_comes() -> None:
    world = World(room=2)
    rest(world, 2)
    before = set(world.replicas)
    world.resize()
    assert rest(world, 2) == 1
    assert set(world.replicas) & before == set()
    assert (len(world.replicas), world.cut) == (2, 0)


def test_none_goes_while_its_successor_cannot_start() -> None:
    old = [Replica(name, f"h:{name}", "ready", stale=True) for name in "ab"]
    assert plan(Standing(2, old), 2, {}, calls(a=0, b=0), 0.0, 10.0) == Plan(ask=3)
    starts = Standing(3, [*old, Replica("c", "", "starting")])
    assert plan(starts, 2, {}, calls(a=0, b=0), 0.0, 10.0) == Plan(ask=3)
    stands = Standing(3, [*old, Replica("c", "h:c", "ready")])
    assert plan(stands, 2, {}, calls(a=3, b=0, c=0), 0.0, 10.0) == Plan(ask=3, drain=["b"])


def test_while_others_replace_the_replicas_none_goes_and_none_is_asked_for() -> None:
    pods = [Replica(name, f"h:{name}", "ready") for name in "abc"]
    assert plan(Standing(2, pods, rolls=True), 2, {}, calls(a=0, b=0, c=0), 0.0, 10.0) == Plan(ask=2)
    assert plan(Standing(2, pods, rolls=True), 1, {}, calls(a=0, b=0, c=0), 0.0, 10.0) == Plan(ask=2)
    assert plan(Standing(2, pods, rolls=True), 4, {}, calls(a=0, b=0, c=0), 0.0, 10.0) == Plan(ask=4)
