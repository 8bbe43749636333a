import pytest

from penstock.config import Config, ConfigError
from penstock.cost.config import CostConfig
from penstock.routing.config import RoutingConfig
from tests.support.gateway import ECHO


def read(text: str) -> CostConfig:
    return Config.parse(f"{ECHO}cost: {text}\n", "test.yaml", {}).of(CostConfig)


def test_what_may_be_said() -> None:
    section = read(
        "{prices: {'gpt-*': {input: 3, output: 15.5, cached: 0.3, request: 0.01}}, unknown: refuse, keep: 90d}"
    )
    price = section.prices["gpt-*"]
    assert (price.input, price.output, price.cached, price.reasoning, price.request) == (3.0, 15.5, 0.3, None, 0.01)
    assert (section.unknown, section.keep, read("{}").unknown) == ("refuse", 90 * 86_400.0, "zero")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{prices: {m: {input: -1}}}", "input"),
        ("{prices: {m: {output: .nan}}}", "output"),
        ("{prices: {m: {cached: .inf}}}", "cached"),
        ("{prices: {m: {input: 1e300}}}", "input"),
        ("{prices: {m: {input: free}}}", "input"),
        ("{prices: {'g*t': {input: 1}}}", "star"),
        ("{prices: {'': {input: 1}}}", "star"),
        ("{unknown: guess}", "unknown"),
        ("{keep: 1h}", "keep"),
    ],
)
def test_what_may_not(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read(text)


@pytest.mark.parametrize("wrong", ["second: .nan", "second: -1", "second: 1e9", "cached: .nan", "request: -0.1"])
def test_an_upstreams_price_is_checked_likewise(wrong: str) -> None:
    with pytest.raises(ConfigError, match=wrong.partition(":")[0]):
        Config.parse(ECHO.replace("kind: echo", f"kind: echo, price: {{{wrong}}}"), "test.yaml", {})


def test_a_price_by_the_second_is_none_by_the_token() -> None:
    config = Config.parse(ECHO.replace("kind: echo", "kind: echo, price: {second: 0.0004}"), "test.yaml", {})
    price = config.of(RoutingConfig).upstreams["echo"].price
    assert (price.second, price.is_by_token) == (0.0004, False)
