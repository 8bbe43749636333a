import pytest

from penstock.config import Config
from penstock.insight.bottlenecks.suspect import by_ratio, setting
from penstock.routing.config import RoutingConfig


@pytest.mark.parametrize(("ratio", "severity"), [(1.0, "medium"), (2.0, "high"), (7.9, "high"), (8.0, "critical")])
def test_how_severe_it_is(ratio: float, severity: str) -> None:
    assert by_ratio(ratio) == severity


@pytest.mark.parametrize("name", ["up", 'a"b', "a:{b}", "a'#b", "a,b/*", "org/model:free"])
def test_a_setting_is_a_line_of_config_whatever_the_name(name: str) -> None:
    line = setting("models", name, "strategy", "prefix").replace("{strategy", "{upstreams: [echo], strategy")
    parsed = Config.parse(f"upstreams: {{echo: {{kind: echo}}}}\n{line}\n", "c.yaml", {})
    assert parsed.of(RoutingConfig).models[name].strategy == "prefix"
