import pytest

from penstock.config import Config, ConfigError
from penstock.core.printing import plain_struct
from penstock.core.shapes import MASK
from penstock.scaling.actuators.ray_config import RayConfig
from penstock.scaling.config import ScalingConfig

UP = """
upstreams:
  up: {kind: vllm, discover: {scaling: %s}%s}
models: {m: {upstreams: [up]}}
scaling: {pools: {up: {max: 3, ray: %s}}}
"""


def problems(ray: str, found: str = "true", more: str = "") -> str:
    try:
        Config.parse(UP % (found, more, ray), "penstock.yaml", {})
    except ConfigError as error:
        return "\n".join(error.problems)
    return ""


def test_a_pool_of_actors_and_one_of_serve() -> None:
    assert problems('{command: [serve, "--port={port}"], num_gpus: 1, resources: {a: 2}}') == ""


def test_a_pool_that_sets_serves_replicas_starts_none_itself() -> None:
    serve = '{serve: {url: "http://head:8265", application: llm, deployment: Engine}}'
    with_base = UP.replace("discover: {scaling: %s}%s", 'base_url: "http://head:8000/v1"') % serve
    config = Config.parse(with_base, "penstock.yaml", {})
    pool = config.of(ScalingConfig).pools["up"]
    assert not pool.starts
    assert "needs" not in problems('{command: ["{port}"]}')
    assert 'must not have "discover' in problems(serve)


@pytest.mark.parametrize(
    ("ray", "says"),
    [
        ("{}", "ray needs a command, or serve, and not both"),
        ("{command: [serve]}", "a word with {port}"),
        ('{command: ["{port}"], ready: health}', "ready"),
        ('{command: ["{port}"], environment: {"A=B": c}}', "without ="),
        ('{command: ["{port}"], resources: {a: 0}}', "resources"),
        ('{command: ["{port}"], linger: 5}', "linger"),
        ("{serve: {url: head, application: a, deployment: d}}", "must be a URL"),
        (
            '{serve: {url: "http://h", application: a, deployment: d, token: "a\\r\\nx: b"}}',
            "another control character",
        ),
        ('{command: ["{port}"], serve: {url: "http://h", application: a, deployment: d}}', "not both"),
    ],
)
def test_what_is_wrong_is_said(ray: str, says: str) -> None:
    assert says in problems(ray)


def test_a_secret_of_the_command_is_not_shown() -> None:
    config = RayConfig(command=["vllm", "--api-key", "sk-secret", "--port", "{port}"])
    assert plain_struct(config)["command"] == ["vllm", "--api-key", MASK, "--port", "{port}"]
    assert plain_struct(config, masked=False)["command"] == config.command
