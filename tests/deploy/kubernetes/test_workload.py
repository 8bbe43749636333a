from typing import Any

from penstock.deploy.kubernetes.terms import Names, Terms
from penstock.deploy.kubernetes.workload import LEAVE_SECONDS, claim, config_map, deployment
from penstock.deploy.tree import filled
from tests.support.deployed import facts_of

ALONE = facts_of("upstreams: {e: {kind: echo}}\nmodels: {m: {upstreams: [e]}}\n")


def made(terms: Terms = Terms(), facts: Any = None) -> dict[str, Any]:  # noqa: B008 - it is frozen
    tree: dict[str, Any] = filled(deployment(facts or facts_of(), terms, Names(terms)).tree)
    return tree


def test_a_pod_that_must_go_has_time_for_all_it_must_do() -> None:
    pod = made()["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    sleeps = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert sleeps == LEAVE_SECONDS
    assert pod["terminationGracePeriodSeconds"] >= sleeps + 20 + 10, "preStop, listen.drain, the supervisor's patience"


def test_pods_may_do_little() -> None:
    pod = made()["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "privileged": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["enableServiceLinks"] is False, "PENSTOCK_PORT would be set by the cluster"
    assert made(facts=ALONE)["spec"]["template"]["spec"]["automountServiceAccountToken"] is False


def test_paths_of_probes_are_those_that_answer() -> None:
    from penstock.edge.local_routes import LocalRoutes

    known = LocalRoutes(
        models=[], created=0, fleet=None, waits_for=list, config=dict, open_metrics=False  # type: ignore[arg-type]
    ).routes()  # fmt: skip
    (container,) = made()["spec"]["template"]["spec"]["containers"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert known[container[probe]["httpGet"]["path"]].right == "public"
    assert container["readinessProbe"]["httpGet"]["path"] == "/health/ready"


def test_what_they_ask_for() -> None:
    (container,) = made()["spec"]["template"]["spec"]["containers"]
    assert container["resources"] == {
        "requests": {"cpu": "2", "memory": "2048Mi"},
        "limits": {"memory": "2048Mi"},
    }
    (container,) = made(Terms(cpu="500m", memory=2**30))["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["requests"] == {"cpu": "500m", "memory": "1024Mi"}


def test_secrets_come_by_reference() -> None:
    (container,) = made()["spec"]["template"]["spec"]["containers"]
    references = {one["name"]: one["valueFrom"]["secretKeyRef"] for one in container["env"] if "valueFrom" in one}
    assert references["OPENAI_API_KEY"] == {"name": "penstock-env", "key": "OPENAI_API_KEY", "optional": False}
    assert set(references) == {"OPENAI_API_KEY", "REDIS_PASSWORD"}


def test_one_whose_store_is_a_file_stands_alone_on_its_volume() -> None:
    spec = made(Terms(replicas=1), ALONE)["spec"]
    assert spec["replicas"] == 1
    assert spec["strategy"] == {"type": "Recreate"}
    volumes = {one["name"]: one for one in spec["template"]["spec"]["volumes"]}
    assert volumes["data"]["persistentVolumeClaim"] == {"claimName": "penstock-data"}
    (volume,) = claim(ALONE, Names(Terms()))
    assert filled(volume.tree)["metadata"]["name"] == "penstock-data"
    assert claim(facts_of(), Names(Terms())) == []
    assert (
        "sqlite:/var/lib/penstock/store.sqlite"
        in filled(config_map(ALONE, Names(Terms())).tree)["data"]["penstock.yaml"]
    )


def test_a_scaler_and_not_the_deployment_says_how_many() -> None:
    assert "replicas" not in made()["spec"]
    assert made(Terms(scaler="none"))["spec"]["replicas"] == 2
