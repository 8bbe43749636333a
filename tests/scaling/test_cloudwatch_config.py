"""The ``scaling.cloudwatch`` section."""

import importlib.util

import pytest

from penstock.config import Config, ConfigError
from penstock.scaling.cloudwatch_config import CloudWatchConfig
from penstock.scaling.config import ScalingConfig

BASE = "upstreams: {echo: {kind: echo}}\nmodels: {m: {upstreams: [echo]}}\n"


def _read(text: str) -> CloudWatchConfig | None:
    return Config.parse(f"{BASE}{text}", "penstock.yaml", {}).of(ScalingConfig).cloudwatch


def test_it_is_off_until_it_is_named() -> None:
    assert _read("") is None
    assert _read("scaling: {cloudwatch: {service: eu}}") == CloudWatchConfig(service="eu")


@pytest.mark.parametrize(
    ("text", "why"),
    [("namespace: AWS/Lambda", "AWS's own"), ("interval: 1s", "interval"), ("namespace: a b", "digits")],
)
def test_what_is_wrong_is_said(text: str, why: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        _read(f"scaling: {{cloudwatch: {{{text}}}}}")
    assert why in str(wrong.value)


def test_put_needs_boto3(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "boto3" else found(name, *more)
    )
    with pytest.raises(ConfigError, match="the extra aws"):
        _read("scaling: {cloudwatch: {by: put}}")
