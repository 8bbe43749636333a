"""The section: thresholds are the specification's until somebody says otherwise."""

import pytest

from penstock.config import Config, ConfigError
from penstock.insight.config import InsightConfig

REST = "upstreams: {up: {kind: echo}}\nmodels: {m: {upstreams: [up]}, 'gpt-*': {upstreams: [up]}}\n"


def parsed(text: str) -> InsightConfig:
    return Config.parse(f"{REST}insight: {text}\n", "penstock.yaml", {}).of(InsightConfig)


def test_defaults() -> None:
    section = Config.parse(REST, "penstock.yaml", {}).of(InsightConfig)
    bottleneck, objectives = section.bottleneck, section.objectives
    assert (bottleneck.cpu, bottleneck.memory, bottleneck.context) == (0.9, 0.85, 0.4)
    assert (objectives.availability, objectives.p95, objectives.window) == (0.999, 0.15, 30 * 86_400.0)
    assert objectives.ttft_p95 == {}


def test_objectives_by_model() -> None:
    section = parsed("{objectives: {ttft_p95: {m: 2s, 'gpt-*': 500ms}, window: 7d}}")
    assert section.objectives.ttft_p95 == {"m": 2.0, "gpt-*": 0.5}


@pytest.mark.parametrize(("text", "complaint"), [
    ("{objectives: {availability: 1}}", "availability"), ("{objectives: {window: 1h}}", "window"),
    ("{objectives: {ttft_p95: {n: 2s}}}", 'ttft_p95: unknown model "n"'), ("{bottleneck: {cpu: 90}}", "cpu"),
    ("{objectives: {ttft_p95: {gpt-5: 2s}}}", 'unknown model "gpt-5"; did you mean "gpt-*"'),
])  # fmt: skip
def test_what_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint.replace("*", r"\*")):
        parsed(text)
