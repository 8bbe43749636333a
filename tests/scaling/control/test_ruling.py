import math

import msgspec
import pytest

from penstock.scaling.actuators.signal_config import SignalConfig
from penstock.scaling.config import PoolConfig
from penstock.scaling.control.ruling import REMEMBERED, Held, Kept, Ruling, kept_of
from penstock.scaling.policy_config import PolicyConfig
from penstock.scaling.seen import Decision, Seen

BEGAN = 10_000.0


class Says:
    """A policy that says what it is told."""

    name = "says"

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.asked: list[float] = []

    def decide(self, seen: Seen) -> Decision:
        self.asked.append(seen.at)
        action = "hold" if self.wanted == seen.wanted else "scale_up" if self.wanted > seen.wanted else "scale_down"
        return Decision(seen.at, self.wanted, action, "it says so")  # type: ignore[arg-type]


def ruling(wanted: int, cooldown_in: float | None = None, least: int = 1) -> tuple[Ruling, Says]:
    policy = Says(wanted)
    pool = PoolConfig(min=least, max=10, signal=SignalConfig(), policy=PolicyConfig(cooldown_in=cooldown_in))
    return Ruling(pool, policy, BEGAN), policy


def seen(at: float, wanted: int = 2, **more: float) -> Seen:
    return Seen(at, wanted=wanted, ready=int(more.pop("ready", wanted)), **more)  # type: ignore[arg-type]


def test_the_policy_decides_and_what_changes_is_remembered() -> None:
    one, policy = ruling(4)
    assert one.decide(seen(BEGAN + 20), blind=False).wanted == 4
    policy.wanted = 4
    assert one.decide(seen(BEGAN + 21, wanted=4), blind=False).action == "hold"
    assert [change.wanted for change in one.changes] == [4]
    for number in range(REMEMBERED + 5):
        policy.wanted = 5 + number % 2
        one.decide(seen(BEGAN + 30 + number, wanted=3), blind=False)
    assert len(one.changes) == REMEMBERED


def test_what_was_said_a_moment_ago_is_not_said_again() -> None:
    one, _ = ruling(4)
    for number in range(100):
        assert one.decide(seen(BEGAN + number), blind=False).wanted == 4
    assert [change.at - BEGAN for change in one.changes] == [0, 60]


def test_what_was_wanted_before_a_restart_is_wanted_at_once() -> None:
    one, policy = ruling(3)
    one.restore(Kept(changes=[Decision(BEGAN - 600, 6, "scale_up", "then")]))
    decision = one.decide(seen(BEGAN + 1, wanted=1), blind=True)
    assert (decision.wanted, decision.action) == (6, "scale_up")
    assert one.decide(seen(BEGAN + 2, wanted=6), blind=True).action == "hold"
    policy.wanted = 7
    assert one.decide(seen(BEGAN + 12, wanted=6), blind=False).wanted == 7
    assert one.decide(seen(BEGAN + 99, wanted=3), blind=True).action == "hold", "blind later is no restart"
    old, _ = ruling(3)
    old.restore(Kept(changes=[Decision(BEGAN - 7200, 6, "scale_up", "then")]))
    assert old.decide(seen(BEGAN + 1, wanted=1), blind=True).action == "hold"


def test_blind_it_holds_and_does_not_ask() -> None:
    one, policy = ruling(7)
    decision = one.decide(seen(BEGAN + 1), blind=True)
    assert (decision.wanted, decision.action) == (2, "hold")
    assert "nothing was seen" in decision.reason
    assert policy.asked == []


def test_blind_it_still_starts_one_for_calls_that_wait_before_nothing() -> None:
    one, _ = ruling(7, least=0)
    decision = one.decide(seen(BEGAN + 1, wanted=0, ready=0, waiting=3), blind=True)
    assert (decision.wanted, decision.action) == (1, "scale_up")
    assert one.decide(seen(BEGAN + 2, wanted=1, ready=0, waiting=3), blind=True).wanted == 1


def test_after_a_start_nothing_is_taken_away_for_a_while() -> None:
    one, policy = ruling(1, cooldown_in=60)
    early = one.decide(seen(BEGAN + 20, wanted=5), blind=False)
    assert (early.wanted, early.action) == (5, "hold")
    assert "another 40 s" in early.reason
    policy.wanted = 8
    assert one.decide(seen(BEGAN + 21, wanted=5), blind=False).wanted == 8, "growth is not held"
    policy.wanted = 1
    assert one.decide(seen(BEGAN + 61, wanted=8), blind=False).wanted == 1


def test_where_the_last_change_is_known_the_pause_counts_from_it() -> None:
    one, _ = ruling(1)
    one.changes.append(Decision(BEGAN - 61, 5, "scale_up", "before the restart"))
    assert one.decide(seen(BEGAN + 20, wanted=5), blind=False).wanted == 1
    other, _ = ruling(1)
    other.changes.append(Decision(BEGAN - 10, 5, "scale_up", "before the restart"))
    assert other.decide(seen(BEGAN + 20, wanted=5), blind=False).wanted == 5


@pytest.mark.parametrize(("count", "wanted"), [(None, 2), (5, 5), (1, 1), (50, 10)])
def test_a_person_s_word_goes_before_all(count: int | None, wanted: int) -> None:
    one, policy = ruling(7)
    one.held = Held(count, "key_1", BEGAN)
    decision = one.decide(seen(BEGAN + 1), blind=True)
    assert decision.wanted == wanted
    assert "key_1" in decision.reason
    assert policy.asked == []


def test_it_ends_when_it_was_said_to_end() -> None:
    one, _ = ruling(7)
    one.held = Held(None, "key_1", BEGAN, until=BEGAN + 100)
    assert one.decide(seen(BEGAN + 99), blind=False).wanted == 2
    assert one.decide(seen(BEGAN + 100), blind=False).wanted == 7
    assert one.held is None


def test_time_never_goes_back_for_a_policy() -> None:
    one, policy = ruling(7)
    for at in (BEGAN + 100, BEGAN + 40, BEGAN + 101):
        one.decide(seen(at), blind=False)
    assert policy.asked == [BEGAN + 100, BEGAN + 100, BEGAN + 101]


CHANGE = Decision(BEGAN, 3, "scale_up", "then")


@pytest.mark.parametrize(
    "stored",
    [
        b"nonsense",
        b"\x81\xa7learned" + b"\x81\xa1a" * 20_000 + b"\xc0",
        Kept(held=Held(3, "key_1\n12:00 ERROR all is lost", BEGAN)),
        Kept(held=Held(3, "key_1", BEGAN, math.nan)),
        Kept(changes=[CHANGE] * (REMEMBERED + 1)),
        Kept(changes=[Decision(math.inf, 3, "scale_up", "then")]),
        Kept(changes=[Decision(BEGAN, 3, "scale_up", "x" * 100_000)]),
    ],
)
def test_what_somebody_else_put_into_the_store_is_refused(stored: bytes | Kept) -> None:
    with pytest.raises(ValueError, match=r"."):
        kept_of(stored if isinstance(stored, bytes) else msgspec.msgpack.encode(stored))


def test_what_was_kept_is_taken_as_it_was() -> None:
    kept = Kept([30.0], Held(2, "key_1", BEGAN), [CHANGE] * REMEMBERED, {"mix": [1.0, 2.0]})
    assert kept_of(msgspec.msgpack.encode(kept)) == kept
