import pytest

from penstock.scaling.policy import policy_of
from penstock.scaling.policy_config import PolicyConfig
from penstock.scaling.seen import Seen, Upper


@pytest.mark.parametrize("rule", ["forecast", "tracking", "required", "steps", "fixed"])
def test_each_rule_is_a_policy_of_its_name(rule: str) -> None:
    policy = policy_of(PolicyConfig(rule=rule), 2, 9)  # type: ignore[arg-type]
    assert policy.name == rule
    assert policy.decide(Seen(0.0)).wanted == 2


def test_pauses_are_the_rules_own_unless_the_config_says_some() -> None:
    def grown_again(config: PolicyConfig) -> float:
        policy = policy_of(config, 1, 100)
        policy.decide(Seen(0.0, load=10.0, carries=10.0, wanted=1, ready=1))
        for at in range(0, 300, 10):
            told = policy.decide(Seen(at, load=50.0 + at, carries=10.0, wanted=2 if at else 1, ready=1))
            if at and told.action == "scale_up":
                return float(at)
        return float("inf")

    assert grown_again(PolicyConfig(rule="tracking")) == 120.0
    assert grown_again(PolicyConfig(rule="forecast")) == 10.0
    assert grown_again(PolicyConfig(rule="forecast", cooldown_out=50.0)) == 10.0  # its growth is urgent
    assert grown_again(PolicyConfig(rule="tracking", cooldown_out=50.0)) == 50.0


@pytest.mark.parametrize("upper", [None, lambda seconds, share: 0.0])
@pytest.mark.parametrize("rule", ["forecast", "tracking", "required", "steps", "fixed"])
def test_by_each_rule_a_pool_that_may_stand_at_zero_comes_to_stand_there(rule: str, upper: Upper | None) -> None:
    """As one of few calls is: what a replica carries is known only while some come."""
    policy = policy_of(PolicyConfig(rule=rule), 0, 9)  # type: ignore[arg-type]
    wanted = policy.decide(Seen(0.0, waiting=1.0)).wanted
    assert wanted == 1
    for at in range(0, 1000, 10):
        busy = at < 100
        seen = Seen(
            float(at), load=5.0 * busy, in_flight=float(busy), ready=1, wanted=wanted, starts=5.0, upper=upper,
            carries=100.0 * busy, response=1.0 if busy else None, token_rate=100.0,
        )  # fmt: skip
        wanted = policy.decide(seen).wanted
        assert wanted == 1 or not busy or rule == "fixed"
    assert wanted == 0
