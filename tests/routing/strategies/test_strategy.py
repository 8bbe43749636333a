from penstock.routing.strategies.strategy import Shared
from tests.support.targets import ask, targets


def test_a_session_sticks_while_its_target_may_be_chosen_and_has_room() -> None:
    shared, (a, b) = Shared(), targets(1, 1)
    made = ask(session="s", now=1.0)
    assert shared.sticky([a, b], made) is None
    shared.keep(b, made)
    assert shared.sticky([a, b], made) is b
    assert shared.sticky([a], made) is None
    assert shared.sticky([a, b], ask(session="other")) is None
    b.in_flight = 57  # of 64: under 0.9
    assert shared.sticky([a, b], made) is b
    b.in_flight = 58
    assert shared.sticky([a, b], made) is None
    b.in_flight = 0
    assert shared.sticky([a, b], made) is b
    assert shared.sticky([a, b], ask(session="s", now=1e6)) is None


def test_without_a_session_nothing_is_kept() -> None:
    shared, (a, b) = Shared(), targets(1, 1)
    shared.keep(a, ask())
    assert (len(shared.sessions), shared.sticky([a, b], ask())) == (0, None)


def test_affinity_that_is_off_sticks_nowhere() -> None:
    shared, (a,) = Shared(max_load=0.0), targets(1)
    shared.keep(a, ask(session="s"))
    assert shared.sticky([a], ask(session="s")) is None
