import pytest

from penstock.routing.config import ModelConfig, RoutingConfig
from penstock.routing.health_config import USUAL_PROBES, BreakerConfig, HealthConfig, ProbeConfig
from penstock.routing.upstream_config import UpstreamConfig


@pytest.mark.parametrize(
    ("kind", "way"), [*USUAL_PROBES.items(), ("openai", "off"), ("anthropic", "off"), ("local", "off")]
)
def test_what_costs_nothing_is_probed_unasked(kind: str, way: str) -> None:
    assert ProbeConfig().of(kind) == way
    assert ProbeConfig(probe="off").of(kind) == "off"
    assert ProbeConfig(probe="token").of(kind) == "token"


@pytest.mark.parametrize(
    ("config", "place"),
    [
        (ProbeConfig(path="health"), "path"),
        (ProbeConfig(path="/a b"), "path"),
        (ProbeConfig(path="/a\r\nx: y"), "path"),
        (ProbeConfig(path="/ready", probe="models"), "path"),
        (ProbeConfig(interval=1.0, timeout=2.0), "timeout"),
        (ProbeConfig(model="m"), "model"),
        (BreakerConfig(open=60.0), "open"),
        (HealthConfig(outlier=1.0), "outlier"),
    ],
)
def test_nonsense_is_refused(config: ProbeConfig | BreakerConfig | HealthConfig, place: str) -> None:
    assert [found for found, _ in config.check()] == [(place,)]


@pytest.mark.parametrize(
    "config",
    [
        ProbeConfig(), ProbeConfig(path="/ready?deep=1"), ProbeConfig(probe="token", model="m"), BreakerConfig(),
        HealthConfig(), HealthConfig(outlier=3.0, slow_start=0.0, panic=0.0),
    ],
)  # fmt: skip
def test_sense_is_not(config: ProbeConfig | BreakerConfig | HealthConfig) -> None:
    assert list(config.check()) == []


def vllm(probe: ProbeConfig) -> UpstreamConfig:
    return UpstreamConfig(kind="vllm", base_url="http://h/v1", health=probe)


@pytest.mark.parametrize(
    ("probe", "models", "asked"),
    [
        (ProbeConfig(probe="token"), {"m": ModelConfig(upstreams=["u"])}, "m"),
        (ProbeConfig(probe="token"), {"m": ModelConfig(upstreams=["u"], upstream_model="real")}, "real"),
        (ProbeConfig(probe="token", model="small"), {"m": ModelConfig(upstreams=["u"])}, "small"),
        (ProbeConfig(probe="token"), {"u/*": ModelConfig(upstreams=["u"], upstream_model="*")}, ""),
        (ProbeConfig(probe="token"), {}, ""),
    ],
)
def test_one_token_needs_a_model_to_ask(probe: ProbeConfig, models: dict[str, ModelConfig], asked: str) -> None:
    config = RoutingConfig(upstreams={"u": vllm(probe)}, models=models)
    assert config.probe_model("u") == asked
    places = [place for place, _ in config.check()]
    assert places == ([] if asked else [("upstreams", "u", "health", "probe")])


def test_what_runs_in_here_is_not_probed() -> None:
    ((place, _),) = UpstreamConfig(kind="echo", health=ProbeConfig(probe="path")).check()
    assert place == ("health",)
