from penstock.scaling.bounds import Bounds
from penstock.scaling.policy_config import PolicyConfig
from penstock.scaling.rule import Need
from penstock.scaling.seen import Seen
from penstock.scaling.sized import Sized


class Says:
    name = "says"

    def __init__(self) -> None:
        self.wanted, self.urgent = 0, False

    def need(self, seen: Seen) -> Need:
        return Need(self.wanted, "because", 0.5, self.urgent)


def sized(least: int = 1, most: int = 100) -> tuple[Says, Sized]:
    rule = Says()
    return rule, Sized(rule, Bounds(PolicyConfig(), least, most, 0.0), 120.0, 600.0, 2.0)


def test_pauses_hold_what_the_rule_says_and_no_longer() -> None:
    rule, policy = sized()
    rule.wanted = 4
    told = policy.decide(Seen(0.0, wanted=1, ready=1))
    assert (told.wanted, told.action, told.cost, told.confidence) == (4, "scale_up", 6.0, 0.5)
    rule.wanted = 6
    assert policy.decide(Seen(119.0, wanted=4, ready=4)).action == "hold"
    assert policy.decide(Seen(120.0, wanted=4, ready=4)).wanted == 6
    rule.wanted = 2
    assert policy.decide(Seen(719.0, wanted=6, ready=6)).wanted == 6
    told = policy.decide(Seen(720.0, wanted=6, ready=6))
    assert (told.wanted, told.action, told.cost) == (2, "scale_down", -8.0)


def test_calls_that_wait_do_not_wait_for_a_pause() -> None:
    rule, policy = sized()
    rule.wanted = 4
    policy.decide(Seen(0.0, wanted=1, ready=1))
    rule.wanted = 6
    assert policy.decide(Seen(1.0, wanted=4, ready=4, waiting=3)).wanted == 6
    rule.wanted, rule.urgent = 8, True
    assert policy.decide(Seen(2.0, wanted=6, ready=6)).wanted == 8


def test_bounds_are_kept_at_once_pause_or_not() -> None:
    rule, policy = sized(2, 5)
    rule.wanted = 50
    assert policy.decide(Seen(0.0, wanted=3, ready=3)).wanted == 5
    rule.wanted = 0
    assert policy.decide(Seen(1.0, wanted=9, ready=9)).wanted == 2
    told = policy.decide(Seen(2.0, wanted=0))
    assert (told.wanted, told.action) == (2, "scale_up")
    assert told.reason.startswith("0 by the rule, 2 to 5 may be")


def test_whoever_waits_before_nothing_gets_one() -> None:
    rule, policy = sized(least=0)
    assert policy.decide(Seen(0.0, waiting=1)).wanted == 1
    assert policy.decide(Seen(0.0)).wanted == 0
    rule.wanted = 0
    assert policy.decide(Seen(1.0, waiting=1, starting=1, wanted=1)).action != "scale_up"
