import os
from pathlib import Path

import pytest

from penstock.coalesce.config import CoalesceConfig
from penstock.config import Config, ConfigError


def parse(text: str) -> CoalesceConfig:
    one = "{upstreams: [e]}"
    base = f"upstreams: {{e: {{kind: echo}}}}\nmodels: {{gpt-4: {one}, m: {one}, 'a/*': {one}}}\n"
    return Config.parse(f"{base}coalesce: {text}\n", "c.yaml", os.environ).of(CoalesceConfig)


def test_by_default_deterministic_calls_share_and_effects_do_not() -> None:
    section = parse("{}")
    assert (section.enabled, section.calls, section.effects, section.models) == (True, "deterministic", False, {})


def test_a_rule_for_a_model() -> None:
    assert parse('{models: {"gpt-*": all, m: off}}').models == {"gpt-*": "all", "m": "off"}


@pytest.mark.parametrize(
    "text",
    [
        "{calls: some}",
        "{buffer: 1KiB}",
        "{readers: 1}",
        "{models: {m: maybe}}",
        "{cost: me}",
        "{buffer: 2MiB, total: 1MiB}",
    ],
)
def test_what_makes_no_sense_is_refused_with_its_line(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"c\.yaml:3"):
        parse(text)


@pytest.mark.parametrize("name", ["m", "gpt-4", "gpt-*", "*", "a/*", "a/b", "a/b*", "a*"])
def test_a_rule_that_some_call_can_meet(name: str) -> None:
    assert parse(f"{{models: {{'{name}': all}}}}").models == {name: "all"}


@pytest.mark.parametrize(
    ("name", "told"),
    [("gpt4", 'did you mean "gpt-4"'), ("b/c", "unknown model"), ("gpt-5*", "unknown"), ("*m", "at the end only")],
)
def test_a_rule_that_none_can_is_refused(name: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse(f"{{models: {{'{name}': all}}}}")
