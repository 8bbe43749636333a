"""The ``aws`` section of a pool."""

from typing import Any

import pytest

from penstock.config import Config, ConfigError
from penstock.scaling.config import ScalingConfig

TEXT = """\
upstreams: {{up: {{kind: vllm, base_url: "http://127.0.0.1:9/v1"{more}}}}}
models: {{m: {{upstreams: [up]}}}}
scaling: {{pools: {{up: {{max: 4, aws: {{{aws}}}}}}}}}
"""


def _read(aws: str, more: str = "") -> Any:
    text = TEXT.format(aws=aws, more=more)
    return Config.parse(text, "penstock.yaml", {}).of(ScalingConfig).pools["up"]


def test_each_kind_is_read() -> None:
    assert _read("function: {name: penstock}").aws.function.alias == "live"
    assert not _read("ecs: {cluster: main, service: vllm}").starts
    assert _read("group: {name: gpus, port: 8000}", ", discover: {scaling: true}").starts


@pytest.mark.parametrize(
    ("aws", "why"),
    [
        ("", "one of function, ecs and group"),
        ("function: {name: a}, group: {name: b}", "one of function, ecs and group"),
        ("group: {name: a}, region: Ireland", "region must be one of AWS"),
        ('group: {name: "a b"}', "name must be a name of AWS"),
        ("function: {name: a, schedules: [{name: day, when: 7am, min: 1, max: 2}]}", "when must be cron"),
        (
            'function: {name: a, schedules: [{name: day, when: "at(2027-01-01T00:00:00)", min: 3, max: 2}]}',
            "min must not",
        ),
        ("group: {name: gpus, port: 8000}", 'needs "discover: {scaling: true}"'),
    ],
)
def test_what_is_wrong_is_said(aws: str, why: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        _read(aws)
    assert why in str(wrong.value)


def test_without_boto3_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "boto3" else found(name, *more)
    )
    with pytest.raises(ConfigError, match=r"pip install 'penstock\[aws\]'"):
        _read("group: {name: gpus}")
