import pytest

from penstock.scaling.policy import policy_of
from penstock.scaling.policy_config import PolicyConfig
from penstock.scaling.seen import Seen


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
