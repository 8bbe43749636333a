import math
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.routing.ask import Ask
from penstock.routing.strategies import consistent_hash
from penstock.routing.strategies.consistent_hash import BOUND, ConsistentHash, Ring
from penstock.routing.targets import Target
from tests.support.targets import ask, target, targets

SESSIONS = [f"key\0session-{number}" for number in range(4000)]


def homes(those: Sequence[Target]) -> dict[str, str]:
    strategy = ConsistentHash()
    return {session: strategy.choose(those, ask(session=session)).name for session in SESSIONS}


def moved(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return [session for session in SESSIONS if before[session] != after[session]]


@pytest.mark.parametrize("count", [2, 5, 10])
def test_one_of_n_more_moves_about_an_nth_of_the_keys_and_only_to_itself(count: int) -> None:
    those = targets(*[1] * (count + 1))
    before, after = homes(those[:-1]), homes(those)
    gone = moved(before, after)
    assert {after[session] for session in gone} == {those[-1].name}
    assert len(gone) / len(SESSIONS) == pytest.approx(1 / (count + 1), rel=0.4)


def test_one_less_moves_only_its_own_keys() -> None:
    those = targets(1, 1, 1, 1)
    before, after = homes(those), homes(those[:-1])
    assert {before[session] for session in moved(before, after)} == {"d"}


def test_a_heavy_one_more_moves_little_more_than_its_share() -> None:
    those = targets(1, 1, 1, 1, 2)
    before, after = homes(those[:-1]), homes(those)
    assert len(moved(before, after)) / len(SESSIONS) == pytest.approx(2 / 6, rel=0.4)
    assert {after[session] for session in moved(before, after)} == {"e"}


def test_weights_are_shares() -> None:
    counted = Counter(homes(targets(1, 2, 5)).values())
    for name, weight in (("a", 1), ("b", 2), ("c", 5)):
        assert counted[name] / len(SESSIONS) == pytest.approx(weight / 8, abs=0.08)


@pytest.mark.parametrize("weights", [(1, 1), (10_000, 10_000), (1, 10_000), (7, 3, 1)])
def test_a_ring_has_some_64_points_for_a_mean_weight_and_one_at_least(weights: tuple[int, ...]) -> None:
    those = targets(*weights)
    counts = [len(Ring(those).places(one)) for one in those]
    assert min(counts) >= 1
    assert 64 / math.sqrt(2) - 1 <= sum(counts) / len(counts) <= 64 * math.sqrt(2) + 1


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 40)), min_size=2, max_size=8),
    st.lists(st.integers(0, 10**6), max_size=40),
)
def test_no_target_is_given_more_than_its_bounded_share(state: list[tuple[int, int]], keys: list[int]) -> None:
    those, strategy = targets(*(weight for weight, _ in state)), ConsistentHash()
    for one, (_, busy) in zip(those, state, strict=True):
        one.in_flight = busy
    weights = sum(one.weight for one in those)
    for key in keys:
        total = 1 + sum(one.in_flight for one in those)
        chosen = strategy.choose(those, ask(session=str(key)))
        chosen.in_flight += 1
        assert chosen.in_flight <= math.ceil(BOUND * total * chosen.weight / weights)


def test_a_session_that_finds_its_target_full_comes_back_later() -> None:
    those, strategy = targets(1, 1, 1), ConsistentHash()
    home = strategy.choose(those, ask(session="s"))
    home.in_flight = 10
    other = strategy.choose(those, ask(session="s"))
    assert other is not home
    home.in_flight = 0
    assert strategy.choose(those, ask(session="s")) is home


def prompted(text: bytes, scope: str = "me", client: str = "10.0.0.1") -> Ask:
    made = ask(client)
    made.call.body, made.scope = b'{"messages":"' + text.ljust(1000, b"."), scope
    return made


def test_without_a_session_calls_with_one_beginning_meet_whoever_sends_them() -> None:
    those, strategy = targets(*[1] * 8), ConsistentHash()
    same = {strategy.choose(those, prompted(b"you are", client=f"10.0.0.{number}")).name for number in range(50)}
    assert len(same) == 1
    beginnings = {strategy.choose(those, prompted(b"you are %d" % number)).name for number in range(200)}
    scopes = {strategy.choose(those, prompted(b"you are", f"key-{number}")).name for number in range(200)}
    assert len(beginnings) == len(scopes) == 8


def test_without_a_prompt_either_a_client_keeps_its_target() -> None:
    those, strategy = targets(*[1] * 8), ConsistentHash()
    chosen = [strategy.choose(those, ask(f"10.0.{number}.1")).name for number in range(200)]
    assert chosen == [strategy.choose(those, ask(f"10.0.{number}.1")).name for number in range(200)]
    assert len(set(chosen)) == 8


def test_a_simulated_call_has_blocks_only() -> None:
    those, strategy = targets(*[1] * 8), ConsistentHash()
    chosen = set()
    for number in range(200):
        made = ask()
        made.blocks = [number, 1]
        chosen.add(strategy.choose(those, made).name)
    assert len(chosen) == 8


def test_rings_are_kept_for_the_lists_of_several_operations() -> None:
    those, strategy = targets(1, 1, 1), ConsistentHash()
    few = those[:2]
    for _ in range(10):
        assert strategy.choose(few, ask(session="s")) in few
        strategy.choose(those, ask(session="s"))
    assert repr(strategy).count("<Ring ") == 2


def test_lists_that_come_and_go_leave_a_bounded_number_of_rings() -> None:
    strategy = ConsistentHash()
    for number in range(5 * consistent_hash.MOST_RINGS):
        assert strategy.choose([target(f"t{number}"), target("u")], ask(session="s"))
        assert repr(strategy).count("<Ring ") <= consistent_hash.MOST_RINGS


def test_the_nearest_on_the_ring_wins_when_all_are_idle() -> None:
    those, strategy = targets(1, 2, 3), ConsistentHash()
    for session in SESSIONS[:100]:
        made = ask(session=session)
        chosen = strategy.choose(those, made)
        distances = {one.name: strategy.terms(one, made)["distance"] for one in those}
        assert chosen.name == min(distances, key=lambda name: distances[name])


def test_every_process_agrees() -> None:
    mine = [ConsistentHash().choose(targets(1, 1, 1, 1), prompted(b"%d" % number)).name for number in range(20)]
    script = (
        "from penstock.routing.strategies.consistent_hash import ConsistentHash\n"
        "from tests.support.targets import targets\n"
        "from tests.routing.strategies.test_consistent_hash import prompted\n"
        "those = targets(1, 1, 1, 1)\n"
        "print([ConsistentHash().choose(those, prompted(b'%d' % number)).name for number in range(20)])"
    )
    root = Path(__file__).parents[3]
    told = subprocess.run(
        [sys.executable, "-c", script],
        env={
            "PYTHONPATH": os.pathsep.join([str(root / "src"), str(root)]),
            "PYTHONHASHSEED": "7",
            "PATH": os.environ["PATH"],
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == str(mine)
