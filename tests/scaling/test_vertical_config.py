import pytest

from penstock.config import Config, ConfigError
from penstock.scaling.config import ScalingConfig

TEXT = """
upstreams: {{gpu: {{kind: vllm, base_url: "http://127.0.0.1:9/v1"}}}}
models: {{m: {{upstreams: [gpu]}}}}
scaling: {{pools: {{gpu: {{kubernetes: {{name: vllm}}, vertical: {}}}}}}}
"""


def test_nothing_is_changed_unless_that_is_wanted_and_only_what_has_bounds() -> None:
    usual = Config.parse(TEXT.format("{}"), "p.yaml", {}).of(ScalingConfig).pools["gpu"].vertical
    assert not usual.on
    text = "{mode: suggest, cpu: {min: 0.5, max: 4}, memory: {min: 1GiB, max: 8GiB}}"
    vertical = Config.parse(TEXT.format(text), "p.yaml", {}).of(ScalingConfig).pools["gpu"].vertical
    assert vertical.on
    assert vertical.bounds() == {"cpu": (0.5, 4.0), "memory": (2**30, 2**33)}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{mode: auto}", "mode auto needs bounds of what may be changed: cpu, memory, slots, context, threads"),
        ("{mode: suggest, slots: {min: 8, max: 4}}", "min must not be more than max"),
        ("{mode: suggest, memory: {min: 2GiB, max: 1GiB}}", "min must not be more than max"),
        ("{mode: perhaps}", "mode"),
        ("{mode: suggest, slots: {min: 8}}", "max"),
    ],
)
def test_what_cannot_be_is_said(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.parse(TEXT.format(text), "p.yaml", {})
    assert any(says in line for line in caught.value.problems), caught.value.problems
