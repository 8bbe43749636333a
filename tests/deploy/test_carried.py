import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.config import Config, known_sections
from penstock.deploy.carried import Carried, Ground, Variable, carry

GROUND = Ground()


def carried(text: str, **values: object) -> Carried:
    places = {tuple(name.split("__")): value for name, value in values.items()}
    return carry(text, known_sections(), places, GROUND)  # type: ignore[arg-type]


SECRETS = """
# sk-comment
store: "redis://user:sk-store@redis:6379/0"
upstreams:
  a: &a {kind: openai, api_key: sk-plain, api_keys: ["sk-one", "${GOOD}"], headers: {x: "Bearer sk-header"}}
  b: {<<: *a, api_key: "sk-part-${GOOD}", proxy: "http://u:sk-proxy@p:3128"}
  c: {kind: openai, api_key: "${C:-sk-default}", headers: {y: "Bearer ${GOOD}"}}
  d: {kind: openai, api_key: "${file:sk-file}", proxy: "http://u:${PROXY}@p:3128"}
models: {m: {upstreams: [a, b, c, d]}}
alerts: {webhooks: [{url: "https://hooks.example/sk-url", secret: 'sk-sign', headers: {h: sk-h}}]}
telemetry: {otlp: {endpoint: "https://o.example", more_headers: "authorization=sk-more"}}
cache: {encryption_key: sk-encrypt, secret: |
  sk-block}
"""


def test_no_secret_travels() -> None:
    text = SECRETS.replace("|\n  sk-block", '"sk-block"')
    told = carried(text)
    assert "sk-" not in told.text
    assert "sk-" not in " ".join(told.remarks)
    assert "sk-" not in repr(told.variables)
    values = {"store": "redis://:p@redis", "proxy": "http://u:p@p:1", "url": "https://h", "more_headers": "a=b"}
    environ = {one.name: values.get(one.place.rpartition(".")[2], f"long-enough-{one.name}") for one in told.variables}
    config = Config.parse(told.text, "there", environ)
    names = {one.name: one.place for one in told.variables}
    assert names["PENSTOCK_UPSTREAMS_B_API_KEY"] == "upstreams.b.api_key"
    assert names["PENSTOCK_STORE"] == "store"
    assert names["GOOD"] == ""
    assert "Bearer ${GOOD}" in told.text
    assert '"http://u:${PROXY}@p:3128"' in told.text
    assert config.source == "there"


secrets = st.text("zqA0 :@/_.-", min_size=6, max_size=20).map(lambda text: f"zq{text}zq")


@settings(max_examples=50)
@given(secrets, st.sampled_from(["{0}", "${{A}}{0}", "{0}${{A}}", "Bearer {0}", "${{A:-{0}}}", "x ${{A}} {0}"]))
def test_no_secret_travels_however_it_is_written(secret: str, shape: str) -> None:
    value = shape.format(secret)
    text = yaml.safe_dump({"upstreams": {"a": {"kind": "openai", "api_key": value, "headers": {"h": value}}}})
    told = carried(text)
    assert secret not in told.text
    assert secret not in repr(told)


@pytest.mark.parametrize(
    ("word", "there"),
    [
        ("sk-1", "${PENSTOCK_SCALING_POOLS_A_LOCAL_COMMAND_2}"), ("${KEY}", "${KEY}"), ("${KEY:-sk-1}", "${KEY}"),
        ("sk-1${KEY}", "${PENSTOCK_SCALING_POOLS_A_LOCAL_COMMAND_2}"),
    ],
)  # fmt: skip
def test_no_secret_of_a_command_travels(word: str, there: str) -> None:
    command = ["vllm", "--api-key", word, "--max-tokens", "5", "{port}"]
    told = carried(yaml.safe_dump({"scaling": {"pools": {"a": {"local": {"command": command}}}}}))
    written = yaml.safe_load(told.text)["scaling"]["pools"]["a"]["local"]["command"]
    assert written == [*command[:2], there, *command[3:]]
    assert "sk-1" not in repr(told)


def test_what_is_no_secret_travels_as_it_is() -> None:
    text = 'store: redis://redis:6379/0\nupstreams:\n  a: {kind: vllm, base_url: "http://${HOST:-gpu}:8000/v1"}\n'
    told = carried(text)
    assert "redis://redis:6379/0" in told.text
    assert "http://${HOST:-gpu}:8000/v1" in told.text
    assert told.variables == (Variable("HOST", optional=True),)
    assert told.remarks == ()


def test_a_variable_that_is_needed_once_is_needed() -> None:
    told = carried('upstreams: {a: {kind: vllm, base_url: "${A:-http://x}/v1", api_key: "${A}"}}')
    assert told.variables == (Variable("A"),)


def test_files_are_brought_and_what_is_written_lies_elsewhere() -> None:
    told = carried(
        "upstreams:\n"
        "  a: {kind: openai, ca_file: certs/ca.pem, client_cert: /other/ca.pem}\n"
        "  b: {kind: openai, ca_file: certs/ca.pem}\n"
        "  c: {kind: vllm, discover: {file: ../hosts list}}\n"
        "  d: {kind: vllm, discover: {kubernetes: {service: s}}}\n"
        "observe: {routes_file: ~/routes}\n"
    )
    assert told.files == {"ca.pem": "certs/ca.pem", "xca.pem": "/other/ca.pem", "hosts_list": "../hosts list"}
    assert told.text.count('"/etc/penstock/files/ca.pem"') == 2
    assert '"/etc/penstock/files/xca.pem"' in told.text
    assert '"/var/lib/penstock/routes"' in told.text


def test_values_are_put_where_they_belong() -> None:
    told = carried(
        "base: 1\nlisten: {host: 127.0.0.1}\n".replace("base: 1\n", ""),
        listen__host="0.0.0.0", auth__key_file="/k", jobs__enabled=False, observe__log_file=None, listen__port=9,
        listen__trusted_proxies=["10.0.0.0/8"],
    )  # fmt: skip
    assert yaml.safe_load(told.text) == {
        "listen": {"host": "0.0.0.0", "port": 9, "trusted_proxies": ["10.0.0.0/8"]},
        "auth": {"key_file": "/k"},
        "jobs": {"enabled": False},
        "observe": {"log_file": None},
    }


def test_a_value_within_what_is_shared_changes_one_place_alone() -> None:
    text = "upstreams:\n  a: &a {kind: echo, weight: 1}\n  b: *a\n"
    told = carried(text, upstreams__b__weight=7)
    assert yaml.safe_load(told.text)["upstreams"] == {
        "a": {"kind": "echo", "weight": 1},
        "b": {"kind": "echo", "weight": 7},
    }


@pytest.mark.parametrize("text", ["", "# nothing\n", "upstreams:\n"])
def test_an_empty_config(text: str) -> None:
    assert yaml.safe_load(carried(text).text) in ({}, {"upstreams": None})
    assert yaml.safe_load(carried(text, listen__port=1).text)["listen"] == {"port": 1}


def test_a_made_name_that_is_taken() -> None:
    told = carried('upstreams: {a: {kind: openai, api_key: sk-x, headers: {h: "${PENSTOCK_UPSTREAMS_A_API_KEY}"}}}')
    assert "${PENSTOCK_UPSTREAMS_A_API_KEY_2}" in told.text
