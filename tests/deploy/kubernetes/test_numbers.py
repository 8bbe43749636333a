from typing import Any

from penstock.deploy.kubernetes.network import services
from penstock.deploy.kubernetes.numbers import IN_FLIGHT, budget, monitor, scalers
from penstock.deploy.kubernetes.terms import Names, Scaled, Terms
from penstock.deploy.tree import filled
from tests.support.deployed import CONFIG, facts_of

SIGNAL = CONFIG.replace("  pool:", "  Pool.A:").replace("eu, pool]", "eu, Pool.A]") + (
    "scaling: {pools: {Pool.A: {min: 0, max: 4, signal: {}}}}\n"
)


def made(text: str, terms: Terms) -> list[dict[str, Any]]:
    return [filled(one.tree) for one in scalers(facts_of(text), terms, Names(terms))]


def test_by_cpu_and_by_calls_in_flight() -> None:
    (one,) = made(CONFIG, Terms(replicas=3, most=7, calls=40))
    assert (one["spec"]["minReplicas"], one["spec"]["maxReplicas"]) == (3, 7)
    cpu, calls = one["spec"]["metrics"]
    assert cpu["resource"]["target"] == {"type": "Utilization", "averageUtilization": 70}
    assert calls["pods"]["metric"] == {"name": IN_FLIGHT}
    assert calls["pods"]["target"] == {"type": "AverageValue", "averageValue": "40"}
    assert made(CONFIG, Terms(scaler="none")) == []


def test_the_metric_is_one_that_there_is() -> None:
    from pathlib import Path

    assert f"`{IN_FLIGHT}`" in (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()


def test_keda_asks_what_is_published_of_a_pool() -> None:
    gateways, key, pool = made(SIGNAL, Terms(scaler="keda", scaled=(Scaled("Pool.A", "StatefulSet", "vllm"),)))
    assert gateways["spec"]["triggers"][0]["type"] == "cpu"
    spec = pool["spec"]
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "vllm"}
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (0, 4)
    (trigger,) = spec["triggers"]
    assert trigger["metadata"]["url"] == "http://penstock.default.svc:9000/admin/v1/scaling/Pool.A"
    assert trigger["metadata"]["valueLocation"] == "desired_replicas"
    assert trigger["metadata"]["aggregateFromKubeServiceEndpoints"] == "true", "each gateway knows its own callers"
    assert trigger["metadata"]["aggregationType"] == "sum"
    assert trigger["authenticationRef"]["name"] == key["metadata"]["name"]
    assert pool["metadata"]["name"].startswith("penstock-po-"), "what is left of its name, and a mark"
    assert len(pool["metadata"]["name"]) - len("penstock") <= 63 - 53, "KEDA's label, the longest release of Helm"


def test_keda_is_told_where_it_listens() -> None:
    push = SIGNAL.replace("scaling: {", 'scaling: {keda: {listen: "[::]:8401", insecure: true}, ')
    terms = Terms(replicas=1, scaler="none", scaled=(Scaled("Pool.A", "Deployment", "vllm"),))
    (pool,) = made(push, terms)
    assert pool["spec"]["triggers"] == [
        {
            "type": "external-push",
            "metadata": {"scalerAddress": "penstock.default.svc:8401", "pool": "Pool.A"},
        }
    ]
    many = Terms(scaled=terms.scaled)
    assert made(push, many)[-1]["spec"]["triggers"][0]["type"] == "metrics-api", "it would be told by one of them"
    ports = filled(services(facts_of(push), terms, Names(terms))[0].tree)["spec"]["ports"]
    assert [one["port"] for one in ports] == [9000, 8401]


def test_one_at_a_time() -> None:
    assert filled(budget(Names(Terms())).tree)["spec"]["maxUnavailable"] == 1


def test_prometheus_shows_a_key_and_scrapes_each_pod_once() -> None:
    one = filled(monitor(facts_of(), Terms(), Names(Terms())).tree)
    (endpoint,) = one["spec"]["endpoints"]
    assert endpoint["authorization"]["credentials"] == {"name": "penstock-metrics-key", "key": "key"}
    wanted = one["spec"]["selector"]["matchLabels"].items()
    labels = [filled(each.tree)["metadata"]["labels"].items() for each in services(facts_of(), Terms(), Names(Terms()))]
    assert [wanted <= each for each in labels] == [True, False]
