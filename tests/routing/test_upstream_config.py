import pytest

from penstock.config import Config, ConfigError
from penstock.routing.config import RoutingConfig
from penstock.routing.upstream_config import BASE_URLS, PriceConfig, ReplicasConfig, UpstreamConfig


def upstream(fields: str) -> UpstreamConfig:
    """One read from a file."""
    text = f"upstreams: {{u: {{{fields}}}}}\nmodels: {{m: {{upstreams: [u]}}}}\n"
    return Config.parse(text, "c.yaml", {}).of(RoutingConfig).upstreams["u"]


@pytest.mark.parametrize("kind", sorted(BASE_URLS))
def test_kinds_with_a_usual_address_need_none(kind: str) -> None:
    upstream = UpstreamConfig(kind=kind)  # type: ignore[arg-type]
    assert list(upstream.check()) == []
    assert upstream.url == BASE_URLS[kind]


@pytest.mark.parametrize("kind", ["vllm", "sglang", "llamacpp", "azure"])
def test_other_kinds_need_an_address(kind: str) -> None:
    ((place, message),) = UpstreamConfig(kind=kind).check()  # type: ignore[arg-type]
    assert place == ("base_url",)
    assert "needs a base_url" in message


def test_a_slash_at_the_end_makes_no_difference() -> None:
    assert UpstreamConfig(kind="vllm", base_url="http://h/v1/").url == "http://h/v1"
    assert UpstreamConfig(kind="echo").url == ""


@pytest.mark.parametrize("url", ["http://h", "https://h:8000/v1/", "http://10.0.0.1:80/v1", "http://[::1]:8000/v1"])
def test_addresses(url: str) -> None:
    assert list(UpstreamConfig(kind="vllm", base_url=url).check()) == []


@pytest.mark.parametrize(
    "url",
    ["h:8000", "ftp://h", "file:///etc/passwd", "http:///v1", "http://u@h", "http://evil#@good", "http://h?x",
     "http://h:0x1", "http://h:99999", "http://h h", "http://[::1", "http://h\u00e9"],
)  # fmt: skip
def test_what_is_no_address(url: str) -> None:
    ((place, message),) = UpstreamConfig(kind="vllm", base_url=url).check()
    assert place == ("base_url",)
    assert url not in message


def test_a_proxy_may_have_a_password() -> None:
    assert list(UpstreamConfig(kind="openai", proxy="http://me:pass@proxy:3128").check()) == []
    assert [place for place, _ in UpstreamConfig(kind="openai", proxy="proxy:3128").check()] == [("proxy",)]


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "a b", "a:b", "é", ""])
def test_header_fields_that_may_not_be_set(name: str) -> None:
    assert [place for place, _ in UpstreamConfig(kind="openai", headers={name: "x"}).check()] == [("headers", name)]


def test_values_that_no_header_field_can_carry() -> None:
    upstream = UpstreamConfig(kind="openai", headers={"a": "\u00e9"}, api_key="sk-\u2013")
    assert [place for place, _ in upstream.check()] == [("headers", "a"), ("api_key",)]


def test_replicas() -> None:
    assert list(ReplicasConfig(min=1, max=2).check()) == []
    assert [place for place, _ in ReplicasConfig(min=3, max=2).check()] == [("min",)]


def test_what_it_costs_and_how_much_it_serves() -> None:
    assert upstream("kind: echo") == UpstreamConfig(kind="echo")
    assert (UpstreamConfig(kind="echo").capacity, UpstreamConfig(kind="echo").price) == (64, PriceConfig(input=0.0))
    made = upstream("kind: echo, capacity: 8, region: eu-1, price: {input: 0.25, output: 2}")
    assert (made.capacity, made.region, made.price) == (8, "eu-1", PriceConfig(input=0.25, output=2.0))


@pytest.mark.parametrize(
    "fields",
    ["weight: 0", "weight: -1", "weight: 10001", "capacity: 0", "capacity: 1.5", "price: {input: -1}",
     "price: {output: .nan}", "price: {outputs: 1}", "region: ''"],
)  # fmt: skip
def test_numbers_that_make_no_sense_are_refused(fields: str) -> None:
    with pytest.raises(ConfigError, match=r"c\.yaml:1: "):
        upstream(f"kind: echo, {fields}")


@pytest.mark.parametrize("fields", ["model: x", "replicas: {max: 2}", "threads: 2", "context: 512"])
def test_what_is_for_an_embedded_engine_is_for_no_other(fields: str) -> None:
    name = fields.partition(":")[0]
    assert upstream(f"kind: local, {fields}")
    with pytest.raises(ConfigError, match=f'"{name}" is only for kind local, not for ollama'):
        upstream(f"kind: ollama, {fields}")


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ("kind: vllm, base_url: 'http://h/v1'", "/metrics"),
        ("kind: sglang, base_url: 'http://h/v1'", "/metrics"),
        ("kind: llamacpp, base_url: 'http://h/v1'", "/metrics"),
        ("kind: local", "/metrics"),
        ("kind: openai", ""),
        ("kind: ollama", ""),
        ("kind: echo", ""),
        ("kind: echo, metrics: off", ""),
        ("kind: vllm, base_url: 'http://h/v1', metrics: off", ""),
        ("kind: openai, metrics: /prometheus/metrics", "/prometheus/metrics"),
    ],
)
def test_where_the_metrics_page_is(fields: str, path: str) -> None:
    assert upstream(fields).metrics_path == path


@pytest.mark.parametrize("metrics", ["metrics", "http://h/metrics", "'/a b'", "/é", "'/" + "x" * 256 + "'"])
def test_what_is_no_path_of_one(metrics: str) -> None:
    with pytest.raises(ConfigError, match="metrics is a path, such as /metrics, or off"):
        upstream(f"kind: openai, metrics: {metrics}")


def test_what_answers_in_here_has_none() -> None:
    with pytest.raises(ConfigError, match="kind echo has no metrics page"):
        upstream("kind: echo, metrics: /metrics")
