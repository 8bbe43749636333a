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
    told = policy.decide(Seen(0.0, wanted=3, ready=3))
    assert (told.wanted, told.reason) == (5, "at most 5 by max, schedules and ceiling, 50 by the rule: because")
    rule.wanted = 0
    assert policy.decide(Seen(1.0, wanted=9, ready=9)).wanted == 2
    told = policy.decide(Seen(2.0, wanted=0))
    assert (told.wanted, told.action) == (2, "scale_up")
    assert told.reason == "at least 2 by min and schedules, 0 by the rule: because"


def test_whoever_waits_before_nothing_gets_one() -> None:
    rule, policy = sized(least=0)
    assert policy.decide(Seen(0.0, waiting=1)).wanted == 1
    assert policy.decide(Seen(0.0)).wanted == 0
    rule.wanted = 0
    assert policy.decide(Seen(1.0, waiting=1, starting=1, wanted=1)).action != "scale_up"


def test_the_last_one_stays_for_the_pause_after_the_last_call() -> None:
    rule, policy = sized(least=0)
    rule.wanted = 0
    for at in (0.0, 1000.0):  # long after it was started
        told = policy.decide(Seen(at, in_flight=1.0, ready=1, wanted=1))
        assert told.wanted == 1
    told = policy.decide(Seen(1599.0, ready=1, wanted=1))
    assert (told.action, told.reason) == ("hold", "the last call was 599 s ago: because")
    assert policy.decide(Seen(1600.0, ready=1, wanted=1)).wanted == 0


def test_where_none_may_stand_that_is_said_whoever_waits() -> None:
    _, policy = sized(least=0, most=0)
    told = policy.decide(Seen(0.0, waiting=1))
    assert (told.wanted, told.barred) == (0, True)
    _, policy = sized(least=0, most=1)
    assert not policy.decide(Seen(0.0)).barred
