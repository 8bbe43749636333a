import pytest

from penstock.edge.config import ListenConfig


def found(config: ListenConfig) -> list[tuple[str | int, ...]]:
    return [place for place, _ in config.check()]


def test_loopback() -> None:
    assert ListenConfig().loopback
    assert not ListenConfig(host="0.0.0.0").loopback


@pytest.mark.parametrize("network", ["10.0.0.0/8", "::1", "192.168.1.1", "fd00::/8"])
def test_networks(network: str) -> None:
    assert found(ListenConfig(trusted_proxies=[network])) == []


@pytest.mark.parametrize("network", ["10.0.0.1/8", "10.0.0.0/33", "proxy", "", "10.0.0", "*"])
def test_what_is_no_network(network: str) -> None:
    assert found(ListenConfig(trusted_proxies=["::1", network])) == [("trusted_proxies", 1)]


@pytest.mark.parametrize("origin", ["*", "https://a.example", "http://localhost:3000", "http://[::1]:80"])
def test_origins(origin: str) -> None:
    assert found(ListenConfig(cors_origins=[origin])) == []


@pytest.mark.parametrize("origin", ["a.example", "https://a.example/", "null", "https://*.example", "https://a b", ""])
def test_what_is_no_origin(origin: str) -> None:
    assert found(ListenConfig(cors_origins=[origin])) == [("cors_origins", 0)]


@pytest.mark.parametrize(("host", "fine"), [("gateway.local", True), ("a", True), ("a:1", False), ("http://a", False)])
def test_hosts(host: str, fine: bool) -> None:
    assert (found(ListenConfig(hosts=[host])) == []) is fine
