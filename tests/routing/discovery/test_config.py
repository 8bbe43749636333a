import pytest

from penstock.config import Config, ConfigError
from penstock.routing.config import RoutingConfig


def parsed(discover: str, more: str = "kind: vllm") -> RoutingConfig:
    text = f"upstreams: {{x: {{{more}, discover: {discover}}}}}\nmodels: {{m: {{upstreams: [x]}}}}\n"
    return Config.parse(text, "c.yaml", {}).of(RoutingConfig)


@pytest.mark.parametrize(
    "discover",
    [
        "{dns: models.example, port: 8000}",
        "{dns: _http._tcp.models.example, srv: true, server: '127.0.0.1:8600', interval: 1s}",
        "{file: /nowhere/yet, most: 1}",
        "{kubernetes: {service: vllm, namespace: llm, port: http}}",
        "{kubernetes: {service: vllm.v2, port: '8000'}}",
    ],
)
def test_each_way_to_look(discover: str) -> None:
    found = parsed(discover).upstreams["x"]
    assert found.discover is not None
    assert found.url == ""


@pytest.mark.parametrize(
    ("discover", "said"),
    [
        ("{}", "needs one of dns, file, kubernetes and scaling, and has none"),
        ("{dns: a, file: b}", "and has dns and file"),
        ("{dns: a}", "dns without srv needs the instances' port"),
        ("{dns: a, srv: true, port: 1}", "leave port out"),
        ("{dns: 'a b', port: 1}", "dns must be a host name"),
        ("{dns: a, port: 1, server: '1.1.1.1:53'}", '"server" is only for srv'),
        ("{dns: a, srv: true, server: x}", "server: an address is host:port"),
        ("{file: a, port: 1}", '"port" is only for dns'),
        ("{file: a, srv: true}", '"srv" is only for dns'),
        ("{file: a, interval: 1ms}", "interval"),
        ("{file: a, most: 0}", "most"),
        ("{file: a, most: 2000}", "most"),
        ("{kubernetes: {}}", "kubernetes.service is missing"),
        ("{kubernetes: {service: 'a/b'}}", "service must be a Kubernetes name"),
        ("{kubernetes: {service: a, namespace: A}}", "namespace must be a Kubernetes name"),
        ("{kubernetes: {service: a, port: '99999'}}", "port must be a name or a number"),
        ("{kubernetes: {service: a, port: 'a b'}}", "port must be a name or a number"),
    ],
)
def test_what_is_refused(discover: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        parsed(discover)
    assert "c.yaml:1: " in caught.value.problems[0]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("kind: echo", "kind echo runs in here and has no discover"),
        ("kind: local", "kind local runs in here and has no discover"),
        ("kind: vllm, address: 'a:1', base_url: 'http://a'", "address does not go with discover"),
    ],
)
def test_what_does_not_go_with_it(more: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parsed("{file: a}", more)


@pytest.mark.parametrize(
    ("more", "said"),
    [("address: '127.1:80'", "address: "), ("address: 'a:80', proxy: 'http://p'", "address does not go with proxy")],
)
def test_an_address_of_its_own(more: str, said: str) -> None:
    text = f"upstreams: {{x: {{kind: vllm, base_url: 'https://a/v1', {more}}}}}\nmodels: {{m: {{upstreams: [x]}}}}\n"
    with pytest.raises(ConfigError, match=said):
        Config.parse(text, "c.yaml", {})
