from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.config import Config, ConfigError
from penstock.routing.affinity_config import InstanceScoreConfig
from penstock.routing.config import RoutingConfig
from penstock.routing.scraped import Scraped
from penstock.routing.strategies.instance_score import InstanceScore, Points
from penstock.routing.strategies.strategy import Shared
from penstock.routing.targets import Target
from tests.support.targets import Upstream, ask, targets


def score(one: Target, made: Any, shared: Shared | None = None) -> float:
    return sum(InstanceScore(shared or Shared()).terms(one, made).values())


def measured(name: str = "a", *, seconds: float = 0.0, capacity: int = 100, busy: int = 0) -> Target:
    """A target whose last first token took ``seconds``."""
    one = Target(name, Upstream(name), capacity=capacity)
    one.load.peak_first.learn(seconds, 0.0)
    one.in_flight = busy
    return one


@pytest.mark.parametrize(
    ("load", "milliseconds", "memory", "context", "loaded", "points"),
    [
        (0.0, 0, 0.0, False, False, 100.0),
        (0.5, 0, 0.0, False, False, 75.0),
        (1.0, 0, 0.0, False, False, 50.0),
        (2.0, 0, 0.0, False, False, 50.0),
        (0.0, 120, 0.0, False, False, 88.0),
        (0.0, 300, 0.0, False, False, 70.0),
        (0.0, 9000, 0.0, False, False, 70.0),
        (0.0, 0, 0.5, False, False, 90.0),
        (0.0, 0, 0.0, True, False, 115.0),
        (0.0, 0, 0.0, False, True, 110.0),
        (0.4, 200, 0.25, True, True, 100 - 20 - 20 - 5 + 15 + 10),
        (1.0, 900, 1.0, False, False, 0.0),
    ],
)
def test_the_specification(
    load: float, milliseconds: int, memory: float, context: bool, loaded: bool, points: float
) -> None:
    shared, one, made = Shared(), measured(seconds=milliseconds / 1000, busy=int(load * 100)), ask(session="s")
    one.load.scraped = Scraped(0.0, kv=memory)
    if context:
        shared.keep(one, made)
    if loaded:
        one.models["m"] = 0.0
    assert score(one, made, shared) == pytest.approx(points)


def test_its_weights_are_configurable_and_the_floor_is_zero() -> None:
    text = "instance_score: {load: 90, response_time: 50, response_step: 100ms, memory: 1, session: 2, model: 3}\n"
    text += "upstreams: {e: {kind: echo}}\nmodels: {m: {upstreams: [e]}}\n"
    shared = Shared(scores=Config.parse(text, "c.yaml", {}).of(RoutingConfig).instance_score)
    one, made = measured(seconds=1.0, busy=50), ask()
    assert score(one, made, shared) == pytest.approx(100 - 45 - 10)
    one.in_flight, slow = 100, measured(seconds=60.0, busy=100)
    assert score(one, made, shared) == 0.0
    assert score(slow, made, shared) == 0.0
    assert InstanceScore(shared).terms(slow, made)["floor"] == 40.0


@pytest.mark.parametrize("field", ["load: -1", "memory: .inf", "response_step: 0s", "response_step: 10", "sessions: 1"])
def test_weights_that_make_no_sense_are_refused(field: str) -> None:
    with pytest.raises(ConfigError, match=r"c\.yaml:1: "):
        Config.parse(f"instance_score: {{{field}}}\n", "c.yaml", {})


def test_the_usual_weights_are_those_of_the_specification() -> None:
    usual = InstanceScoreConfig()
    assert (usual.load, usual.response_time, usual.response_step, usual.memory) == (50, 30, 0.01, 20)
    assert (usual.session, usual.model) == (15, 10)


targets_state = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 120), st.none() | st.floats(0, 1), st.booleans(), st.floats(0, 1)),
    min_size=2,
    max_size=10,
)


@given(targets_state, st.none() | st.integers(0, 9), st.floats(0, 60))
def test_the_highest_score_wins(
    state: list[tuple[float, int, float | None, bool, float]], home: int | None, now: float
) -> None:
    shared, those = Shared(), list[Target]()
    made = ask(session="" if home is None else "s", now=now, tokens=100.0)
    made.blocks, made.bounds, made.size = [1, 2, 3, 4], [1, 2, 3, 4], 4
    for number, (seconds, busy, kv, loaded, hit) in enumerate(state):
        one = Target(str(number), Upstream("x"), capacity=100, prefixes=shared.prefixes)
        one.load.peak_first.learn(seconds, 0.0)
        one.in_flight = busy
        one.load.scraped = Scraped(0.0, kv=kv)
        if loaded:
            one.models["m"] = 0.0
        shared.prefixes.remember(one.slot, made.blocks[: int(hit * 4)], 0.0)
        those.append(one)
    if home is not None and home < len(those):
        shared.sessions.keep("s", str(home), now)
        if those[home].busy < 0.9:
            assert InstanceScore(shared).choose(those, made) is those[home]
            return
    strategy = InstanceScore(shared)
    chosen = strategy.choose(those, made)
    if home is not None:
        assert shared.sessions.find("s", now) == chosen.name
        shared.sessions.keep("s", str(home), now)
    best = max(sum(strategy.terms(one, made).values()) for one in those)
    assert sum(strategy.terms(chosen, made).values()) == pytest.approx(best)


def test_the_sum_of_the_terms_is_what_is_compared() -> None:
    shared, one = Shared(), measured(seconds=0.15, busy=30)
    one.load.scraped = Scraped(0.0, kv=0.3)
    one.models["m"] = 0.0
    strategy = InstanceScore(shared)
    shared.sessions.keep("s", "a", 0.0)
    for made, home in ((ask(), ""), (ask(session="s"), "a"), (ask(now=14.0), ""), (ask(now=500.0), "")):
        assert Points(shared.scores).score(one, made, home) == pytest.approx(sum(strategy.terms(one, made).values()))


def test_a_session_is_kept_while_its_upstream_is_there_and_under_the_load_limit() -> None:
    shared = Shared()
    a, b = measured("a", busy=80), measured("b")
    made = ask(session="s")
    shared.keep(a, made)
    strategy = InstanceScore(shared)
    assert strategy.choose([a, b], made) is a  # though b has the higher score
    assert strategy.choose([b, measured("c", busy=50)], made) is b  # a is not healthy: no candidate
    assert shared.sessions.find("s", 0.0) == "b"
    shared.keep(a, made)
    a.in_flight = 90
    assert strategy.choose([a, b], made) is b


def test_without_a_session_the_context_is_where_most_of_the_prompt_is() -> None:
    shared = Shared()
    a, b, c = (Target(name, Upstream(name), prefixes=shared.prefixes) for name in "abc")
    shared.prefixes.remember(b.slot, [1, 2], 0.0)
    shared.prefixes.remember(c.slot, [1], 0.0)

    def made(session: str = "") -> Any:
        one = ask(session=session)
        one.blocks, one.bounds, one.size = [1, 2, 3, 4], [1, 2, 3, 4], 4
        return one

    strategy = InstanceScore(shared)
    assert {strategy.choose([a, b, c], made()).name for _ in range(20)} == {"b"}
    b.in_flight = 32  # half its capacity: 25 points, more than the context is worth
    assert {strategy.choose([a, b, c], made()).name for _ in range(40)} == {"a", "c"}
    b.in_flight = 0
    assert {strategy.choose([a, b, c], made(str(number))).name for number in range(60)} == {"a", "b", "c"}


def test_memory_that_was_told_long_ago_does_not_count() -> None:
    one = measured()
    one.load.scraped = Scraped(0.0, kv=1.0)
    assert score(one, ask(now=1.0)) < score(one, ask(now=100.0)) == 100.0


def test_one_that_is_new_counts_as_the_mean_of_all_and_a_peak_is_forgiven() -> None:
    (new,) = targets(1)
    assert InstanceScore(Shared()).terms(new, ask(tokens=0.0))["response_time"] == pytest.approx(-5.0)
    slow = measured(seconds=3.0)
    terms = [InstanceScore(Shared()).terms(slow, ask(now=now))["response_time"] for now in (0.0, 30.0, 300.0)]
    assert terms == pytest.approx([-30.0, -19.6868, -5.0], rel=0.01)


def test_equals_are_used_evenly() -> None:
    strategy, those = InstanceScore(Shared()), targets(1, 1, 1)
    assert {strategy.choose(those, ask()).name for _ in range(60)} == {"a", "b", "c"}


def test_other_weights_after_a_reload_count_at_once() -> None:
    shared = Shared()
    busy, slow = measured("a", busy=64), measured("b", seconds=0.3)
    strategy = InstanceScore(shared)
    assert strategy.choose([busy, slow], ask()) is slow
    shared.scores = InstanceScoreConfig(load=0)
    assert strategy.choose([busy, slow], ask()) is busy
