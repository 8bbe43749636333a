import pytest

from penstock.config import Config, ConfigError
from penstock.insight.config import InsightConfig

FILE = "upstreams: {a: {kind: echo}}\nmodels: {m: {upstreams: [a]}}\ninsight: {optimizer: {%s}}\n"


def test_it_only_suggests_unless_told_and_judges_a_minute() -> None:
    section = Config.parse(FILE % "", "c.yaml", {}).of(InsightConfig).optimizer
    assert (section.mode, section.pause, section.timeout, section.bounds, section.unsafe) == (
        "suggest",
        60,
        10,
        {},
        False,
    )


def test_bounds_are_read_in_the_units_of_their_keys() -> None:
    text = FILE % "mode: auto, bounds: {batching.max_wait: [2ms, 40ms], 'upstreams.*.weight': ['1', '9']}"
    assert set(Config.parse(text, "c.yaml", {}).of(InsightConfig).optimizer.bounds) == {
        "batching.max_wait",
        "upstreams.*.weight",
    }


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ("auth.mode: [a, b]", "no key that may be moved"),
        ("batching.max_wat: [1ms, 2ms]", 'did you mean "batching.max_wait"'),
        ("batching.max_wait: [1ms]", "must be two values"),
        ("batching.max_wait: [1, 2]", "duration"),
        ("batching.max_wait: [2ms, 1ms]", "below the highest"),
        ("'upstreams.a*.weight': ['1', '2']", "whole name"),
    ],
)
def test_wrong_bounds_are_told(bounds: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Config.parse(FILE % f"bounds: {{{bounds}}}", "c.yaml", {})
