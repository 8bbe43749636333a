import re
from pathlib import Path

import pytest

from penstock.config import Config, ConfigError
from penstock.degrade.config import DegradeConfig

MODELS = "upstreams: {echo: {kind: echo}}\nmodels: {m: {upstreams: [echo]}, 'fb-*': {upstreams: [echo]}}\n"


def parsed(steps: str) -> DegradeConfig:
    return Config.parse(MODELS + f"degrade: {{steps: [{steps}]}}\n", "test.yaml", {}).of(DegradeConfig)


def test_off_by_default() -> None:
    assert DegradeConfig().steps == []
    assert DegradeConfig().oldest == 0.0


def test_steps_are_read_in_their_order() -> None:
    section = parsed("{at: 1.0, max_tokens: 256}, {at: 2, model: fb-1, classes: [batch]}, {pressure: 3, cache_ttl: 1d}")
    assert [step.max_tokens for step in section.steps] == [256, None, None]
    assert section.steps[0].classes == ["normal", "low", "batch"]
    assert section.steps[1].classes == ["batch"]
    assert section.oldest == 86400.0


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("{max_tokens: 5}", "needs at"),
        ("{at: 1}", "not nothing"),
        ("{at: 1, max_tokens: 5, model: m}", "not max_tokens and model"),
        ("{at: 1, until: 2, max_tokens: 5}", "cannot be above"),
        ("{pressure: 2, until: 0.5, max_tokens: 5}", "needs at"),
        ("{at: 1, model: mm}", 'unknown model "mm"'),
        ("{at: 1, max_tokens: 0}", "max_tokens"),
        ("{at: 1, max_tokens: 5, classes: [urgent]}", "urgent"),
        ("{pressure: 6, max_tokens: 5}", "pressure"),
    ],
)
def test_what_makes_no_sense_is_refused(step: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parsed(step)
    assert said in str(refused.value)
    assert "test.yaml:3" in str(refused.value)


def test_the_example_of_the_how_to_is_one() -> None:
    text = (Path(__file__).parents[2] / "docs" / "how-to" / "overload.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    steps = Config.parse(example, "overload.md", {}).of(DegradeConfig).steps
    assert [step.at for step in steps] == [0.9, 1.0, 1.5, 2.0, None]
