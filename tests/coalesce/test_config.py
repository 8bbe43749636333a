import os
from pathlib import Path

import pytest

from penstock.coalesce.config import CoalesceConfig
from penstock.config import Config, ConfigError


def parse(text: str) -> CoalesceConfig:
    return Config.parse(f"models: {{}}\ncoalesce: {text}\n", "c.yaml", os.environ).of(CoalesceConfig)


def test_by_default_deterministic_calls_share_and_effects_do_not() -> None:
    section = parse("{}")
    assert (section.enabled, section.calls, section.effects, section.models) == (True, "deterministic", False, {})


def test_a_rule_for_a_model() -> None:
    assert parse('{models: {"gpt-*": all, m: off}}').models == {"gpt-*": "all", "m": "off"}


@pytest.mark.parametrize(
    "text", ["{calls: some}", "{buffer: 1KiB}", "{readers: 1}", "{models: {m: maybe}}", "{cost: me}"]
)
def test_what_makes_no_sense_is_refused_with_its_line(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"c\.yaml:2"):
        parse(text)
