import ipaddress
from typing import Any

import pytest

from penstock.deploy.kubernetes.network import network_policy, services
from penstock.deploy.kubernetes.terms import Names, Terms
from penstock.deploy.tree import filled, holes_of, template_of
from tests.support.deployed import CONFIG, facts_of


def rules(text: str, terms: Terms = Terms()) -> list[dict[str, Any]]:  # noqa: B008 - it is frozen
    found: list[dict[str, Any]] = filled(network_policy(facts_of(text), terms, Names(terms)).tree)["spec"]["egress"]
    return found


def may(egress: list[dict[str, Any]], address: str, port: int, space: str = "") -> bool:
    """What a cluster would say: an address outside it, or one in the namespace ``space``."""
    for rule in egress:
        ports = [one["port"] for one in rule.get("ports", []) if one["protocol"] == "TCP"]
        if rule.get("ports") and port not in ports:
            continue
        for to in rule["to"]:
            block = to.get("ipBlock")
            if block is None:
                if space and to["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] == space:
                    return True
                continue
            known = ipaddress.ip_address(address)
            inside = [net for net in [block["cidr"], *block.get("except", [])] if known in ipaddress.ip_network(net)]
            if inside == [block["cidr"]]:
                return True
    return False


def upstream(url: str) -> str:
    return f'store: memory\nupstreams: {{u: {{kind: vllm, base_url: "{url}"}}}}\nmodels: {{m: {{upstreams: [u]}}}}\n'


def test_names_are_resolved_and_nothing_else_is_reached() -> None:
    egress = rules("store: memory\nupstreams: {e: {kind: echo}}\nmodels: {m: {upstreams: [e]}}\n")
    assert may(egress, "10.96.0.10", 53)
    assert not may(egress, "1.2.3.4", 443)
    assert not may(egress, "169.254.169.254", 53)


def test_metadata_of_clouds_is_out_of_reach_whatever_the_config() -> None:
    for text in (
        CONFIG,
        upstream("http://x.example/v1"),
        upstream("http://169.254.169.254/v1"),
        upstream("http://[fd00:ec2::254]/v1"),
        FILE,
    ):
        egress = rules(text)
        assert not may(egress, "169.254.169.254", 80), text
        assert not may(egress, "fd00:ec2::254", 80), text


FILE = "store: memory\nupstreams: {u: {kind: vllm, discover: {file: hosts}}}\nmodels: {m: {upstreams: [u]}}\n"


def test_upstreams_and_the_store() -> None:
    egress = rules(CONFIG)
    assert may(egress, "10.0.0.1", 8000)
    assert not may(egress, "10.0.0.2", 8000)
    assert may(egress, "104.18.7.192", 443), "a provider by name"
    assert may(egress, "10.244.1.7", 6379, "default"), "redis, of the own namespace"
    assert may(egress, "10.244.1.7", 8000, "llm"), "the pod's port, whatever the service's is"
    assert may(egress, "10.244.1.7", 8000, "engines"), "what discovery finds"
    assert not may(egress, "10.244.1.7", 8000, "other")
    assert may(egress, "10.0.0.99", 6443), "the API server"


@pytest.mark.parametrize(
    ("url", "space"),
    [("http://vllm:8000", "default"), ("http://a.b.svc", "b"), ("http://a.b.svc.cluster.local:1", "b"),
     ("http://a.example.com", ""), ("http://x.svc", "")],
)  # fmt: skip
def test_services_of_the_cluster(url: str, space: str) -> None:
    egress = rules(upstream(f"{url}/v1"))
    spaces = [
        to["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for rule in egress
        for to in rule["to"]
        if "namespaceSelector" in to
    ]
    assert spaces == ([space] if space and url != "http://x.svc" else ["x"] if url == "http://x.svc" else [])


def test_where_nothing_is_known_before_all_ports_are_open() -> None:
    assert may(rules(FILE), "10.2.3.4", 12345)


def test_services_are_told_apart() -> None:
    one, pods = (filled(each.tree) for each in services(facts_of(), Terms(), Names(Terms())))
    assert pods["spec"]["clusterIP"] == "None"
    assert one["metadata"]["labels"]["app.kubernetes.io/component"] == "gateway"
    assert pods["metadata"]["labels"]["app.kubernetes.io/component"] == "pods"
    assert one["spec"]["ports"][0]["port"] == 9000


def test_who_may_ask_as_keda_does_is_chosen_apart_from_who_may_call() -> None:
    served = 'scaling: {keda: {listen: "0.0.0.0:8401", insecure: true}}\n'
    for text, paths in (
        (CONFIG, {"networkPolicy.from"}),
        (CONFIG + served, {"networkPolicy.from", "networkPolicy.keda"}),
    ):
        document = network_policy(facts_of(text), Terms(), Names(Terms()))
        assert {hole.path for hole in holes_of(document.tree) if hole.path} == paths
        assert all("from" not in rule for rule in filled(document.tree)["spec"]["ingress"]), "everybody by default"
        assert template_of(document).count("with .Values.networkPolicy") == len(paths)
