import pytest

from penstock.routing.ask import Ask
from penstock.routing.load import Peers
from penstock.routing.strategies.adaptive import Adaptive
from penstock.routing.strategies.strategy import Shared
from penstock.routing.strategies.wait import rank_terms
from penstock.routing.targets import Target
from tests.support.targets import Upstream, ask


def fleet(count: int, slack: float = 2.0) -> tuple[Shared, list[Target], Adaptive]:
    shared, peers = Shared(slack=slack), Peers()
    those = [Target(f"t{place}", Upstream(""), peers=peers, prefixes=shared.prefixes) for place in range(count)]
    return shared, those, Adaptive(shared)


def prompt(session: str = "", tokens: float = 4096.0) -> Ask:
    made = ask(tokens=tokens, session=session)
    made.blocks, made.bounds, made.size = list(range(8)), range(512, 5000, 512), 4096
    return made


def test_a_cached_beginning_is_worth_the_tokens_that_it_spares() -> None:
    shared, those, strategy = fleet(2)
    shared.prefixes.remember(those[1].slot, list(range(8)), 0.0)
    assert {strategy.choose(those, prompt()).name for _ in range(20)} == {"t1"}
    those[1].load.begin(0.0, 50_000.0)  # a queue that is longer than the whole prompt
    assert {strategy.choose(those, prompt()).name for _ in range(20)} == {"t0"}


def seconds(target: Target, wanted: float) -> None:
    """Let so many seconds of prompts wait at ``target``."""
    target.load.begin(0.0, wanted / target.load.peers.first.slope)


@pytest.mark.parametrize(("behind", "stays"), [(1.9, True), (2.1, False)])
def test_a_session_stays_until_another_is_sooner_by_more_than_the_slack(behind: float, stays: bool) -> None:
    shared, those, strategy = fleet(2)
    shared.sessions.keep("s", "t0", 0.0)
    seconds(those[0], behind)
    chosen = strategy.choose(those, ask(tokens=10.0, session="s"))
    assert (chosen is those[0]) == stays
    assert shared.sessions.find("s", 0.0) == chosen.name


def test_a_session_leaves_one_that_has_no_room() -> None:
    shared, those, strategy = fleet(2)
    shared.sessions.keep("s", "t0", 0.0)
    those[0].load.begin(0.0, 1.0)
    assert strategy.choose(those, ask(session="s")) is those[0]
    those[0].in_flight = 58  # of 64
    assert strategy.choose(those, ask(session="s")) is those[1]


def test_a_new_session_is_kept_where_it_went_even_at_the_only_one() -> None:
    shared, those, strategy = fleet(3)
    first = strategy.choose(those, prompt("s"))
    assert {strategy.choose(those, prompt("s")).name for _ in range(20)} == {first.name}
    assert strategy.choose(those[:1], ask(session="lone")) is those[0]
    assert shared.sessions.find("lone", 0.0) == "t0"


def test_terms_tell_what_the_hit_is_worth() -> None:
    shared, those, strategy = fleet(2)
    shared.prefixes.remember(those[1].slot, list(range(4)), 0.0)
    call = prompt()
    strategy.choose(those, call)
    assert strategy.terms(those[1], call) == pytest.approx(rank_terms(those[1], call, 0.5))
    assert sum(strategy.terms(those[1], call).values()) < sum(strategy.terms(those[0], call).values())
