"""The config as it goes into the image, and what may not."""

from pathlib import Path

import pytest
import yaml

from penstock.config import ConfigError
from penstock.deploy.aws.image import CannotBake, Wants, bake

BASE = """\
# a comment
upstreams: {up: {kind: openai, base_url: "https://api.example.org/v1", api_key: "${UP_KEY}"}}
models: {m: {upstreams: [up]}}
"""
POOL = BASE.replace("}}\nmodels", ", discover: {scaling: true}}}\nmodels").replace("{", "{{").replace("}", "}}") + (
    'scaling: {{pools: {{up: {{ray: {{command: [vllm, --api-key, "{}", "{{port}}"]}}}}}}}}\n'
)
WANTS = Wants(store=True, tracing=True, idle=605, namespace="Penstock")


def _bake(text: str, wants: Wants = WANTS, name: str = "penstock.yaml") -> tuple[dict[str, object], list[str]]:
    baked = bake(text, name, {}, wants)
    return yaml.safe_load(baked.text), baked.names


def test_what_holds_behind_a_balancer_is_set_and_the_rest_stays() -> None:
    raw, names = _bake(BASE + "listen: {port: 9000, drain: 20s}\nauth: {key_file: keys.json}\n")
    assert raw["store"] == "rediss://:${PENSTOCK_STORE_PASSWORD}@${PENSTOCK_STORE_HOST}:6379/0"
    assert raw["listen"] == {
        "drain": "20s", "idle_timeout": "615s",
        "trusted_proxies": ["127.0.0.1/32", "${PENSTOCK_VPC_CIDR:-127.0.0.1/32}"],
    }  # fmt: skip
    assert raw["memory"] == {"limit": "${PENSTOCK_MEMORY_LIMIT:-2800MiB}"}
    assert raw["telemetry"] == {"otlp": {"endpoint": "http://127.0.0.1:4318", "delay": "100ms", "metrics": False}}
    assert raw["scaling"]["cloudwatch"] == {"namespace": "Penstock", "service": "${PENSTOCK_SERVICE:-penstock}"}  # type: ignore[index]
    assert raw["auth"] == {}
    assert raw["models"] == {"m": {"upstreams": ["up"]}}
    assert names == ["UP_KEY"]  # what the app sets itself is not the secret's


def test_what_is_configured_already_is_not_overruled() -> None:
    text = BASE + 'memory: {limit: 1GiB}\ntelemetry: {otlp: {endpoint: "https://otel.example.org"}}\n'
    raw, _ = _bake(text)
    assert raw["memory"] == {"limit": "1GiB"}
    assert raw["telemetry"]["otlp"]["endpoint"] == "https://otel.example.org"  # type: ignore[index]


def test_a_word_of_a_command_that_is_a_variable_is_as_it_was() -> None:
    raw, names = _bake(POOL.format("${KEY}"))
    assert raw["scaling"]["pools"]["up"]["ray"]["command"] == ["vllm", "--api-key", "${KEY}", "{port}"]  # type: ignore[index]
    assert names == ["KEY", "UP_KEY"]


def test_a_variable_with_a_default_is_no_secret_of_the_app() -> None:
    _, names = _bake(BASE.replace("https://api.example.org/v1", "${BASE:-https://api.example.org/v1}"))
    assert names == ["UP_KEY"]


@pytest.mark.parametrize(
    ("text", "wants", "why"),
    [
        (BASE, Wants(False, True, 605, ""), "store: sqlite is of one sandbox"),
        (BASE + "store: memory\n", Wants(False, True, 605, ""), "store: memory is of one sandbox"),
        (BASE.replace("${UP_KEY}", "sk-12345"), WANTS, "upstreams.up.api_key: a secret stands in the file"),
        (BASE.replace("${UP_KEY}", "${UP_KEY:-sk-12345}"), WANTS, "upstreams.up.api_key: a secret stands in the file"),
        (BASE.replace("${UP_KEY}", "sk-12345${UP_KEY}"), WANTS, "upstreams.up.api_key: a secret stands in the file"),
        (POOL.format("sk-12345"), WANTS, "scaling.pools.up.ray.command.2: a secret stands in the file"),
        (POOL.format("sk-12345${KEY}"), WANTS, "scaling.pools.up.ray.command.2: a secret stands in the file"),
        (BASE.replace("${UP_KEY}", "${file:key}"), WANTS, "the image has no such file"),
        (BASE + "auth: {mode: open}\n", WANTS, "auth.mode: open would let everybody"),
        (BASE.replace("upstreams: {", "upstreams: {own: {kind: local, model: smollm2}, "), WANTS, "embedded engine"),
        (
            BASE.replace("upstreams: {", "upstreams: {own: {kind: vllm, discover: {scaling: true}}, ")
            + "scaling: {pools: {own: {local: {command: [vllm, '{port}']}}}}\n",
            WANTS, "scaling.pools.own.local: what it starts is not put",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_so_is_refused_and_no_secret_is_shown(text: str, wants: Wants, why: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-12345")
    with pytest.raises(CannotBake) as refused:
        bake(text, str(tmp_path / "penstock.yaml"), {}, wants)
    assert why in str(refused.value)
    assert "sk-12345" not in str(refused.value)


def test_a_file_that_the_config_names_goes_along(tmp_path: Path) -> None:
    (tmp_path / "own ca.pem").write_text("CERTIFICATE")
    text = BASE.replace('${UP_KEY}"', '${UP_KEY}", ca_file: "own ca.pem"')
    try:
        baked = bake(text, str(tmp_path / "penstock.yaml"), {}, WANTS)
    except ConfigError as error:
        pytest.fail(str(error))
    assert baked.files == {"0-own_ca.pem": b"CERTIFICATE"}
    assert yaml.safe_load(baked.text)["upstreams"]["up"]["ca_file"] == "/etc/penstock/files/0-own_ca.pem"


def test_a_private_key_does_not(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("-----BEGIN PRIVATE KEY-----")
    text = BASE.replace('${UP_KEY}"', '${UP_KEY}", ca_file: ca.pem')
    with pytest.raises(CannotBake, match="a private key does not go into an image"):
        bake(text, str(tmp_path / "penstock.yaml"), {}, WANTS)


def test_a_config_that_is_wrong_is_told_with_its_line() -> None:
    with pytest.raises(ConfigError, match=r"penstock.yaml:4: .*nonsense"):
        bake(BASE + "nonsense: 1\n", "penstock.yaml", {}, WANTS)
