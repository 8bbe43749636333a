import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.routing.discovery.endpoint_slices import read, target_of
from penstock.routing.discovery.instances import Instance


def listed(*slices: dict[str, Any], on: str = "") -> bytes:
    meta = {"resourceVersion": "7", "continue": on}
    told = {"kind": "EndpointSliceList", "apiVersion": "discovery.k8s.io/v1", "metadata": meta, "items": list(slices)}
    return json.dumps(told).encode()


def part(*endpoints: dict[str, Any], ports: Any = ({"name": "http", "port": 8000},), kind: str = "IPv4") -> Any:
    return {"addressType": kind, "endpoints": list(endpoints), "ports": list(ports), "metadata": {"name": "x"}}


def endpoint(*addresses: str, **conditions: bool | None) -> dict[str, Any]:
    return {"addresses": list(addresses), "conditions": conditions, "nodeName": "n"}


def test_the_ready_endpoints_of_all_slices() -> None:
    body = listed(
        part(
            endpoint("10.0.0.1", ready=True),
            endpoint("10.0.0.2", ready=False, serving=True, terminating=True),
            endpoint("10.0.0.3", "10.0.0.4", ready=None),
            {"addresses": ["10.0.0.5"]},
        ),
        part(endpoint("fd00::0:1", ready=True), kind="IPv6"),
        part(endpoint("host.example"), kind="FQDN"),
        part(ports=()),
        {"addressType": "IPv4", "endpoints": None, "ports": None},
        on="more",
    )
    found, on = read(body, None)
    assert found == [Instance(host, 8000) for host in ("10.0.0.1", "10.0.0.3", "10.0.0.5", "fd00::1")]
    assert on == "more"


PORTS = ({"name": "http", "port": 8000}, {"name": "metrics", "port": 9000}, {"name": None, "port": 7})


@pytest.mark.parametrize(("port", "number"), [("http", 8000), ("metrics", 9000), ("1234", 1234)])
def test_which_port(port: str, number: int) -> None:
    found, _ = read(listed(part(endpoint("10.0.0.1"), ports=PORTS)), port)
    assert found == [Instance("10.0.0.1", number)]


@pytest.mark.parametrize("port", [None, "grpc"])
def test_a_port_that_is_not_told_clearly(port: str | None) -> None:
    with pytest.raises(ValueError, match=r"which port\? The service has: http, metrics, 7"):
        read(listed(part(endpoint("10.0.0.1"), ports=PORTS)), port)
    with pytest.raises(ValueError, match="which port"):
        read(listed(part(endpoint("10.0.0.1"), ports=({"name": "a", "port": None},))), None)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "no list of EndpointSlices"),
        (b"[]", "no list of EndpointSlices"),
        (b'{"kind": "Status", "code": 403}', 'answered with "Status"'),
        (b'{"kind": "EndpointSliceList", "items": 3}', "no list of EndpointSlices"),
        (b'{"kind":' + b"[" * 5000, "no list of EndpointSlices"),
        (listed(part(endpoint("169.254"))), "neither a host name nor an address"),
    ],
)
def test_what_is_no_list(body: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read(body, None)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="API server"):
        read(body, None)


def test_what_is_asked() -> None:
    asked = "/apis/discovery.k8s.io/v1/namespaces/llm/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dvllm"
    assert target_of("llm", "vllm") == f"{asked}&limit=500"
    assert target_of("llm", "vllm", "a b&c") == f"{asked}&limit=500&continue=a+b%26c"
