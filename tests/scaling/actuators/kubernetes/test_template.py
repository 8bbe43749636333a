import json
from typing import Any

import pytest

from penstock.scaling.actuators.kubernetes.template import (
    fitted,
    quantity,
    read_template,
    read_use,
    resize_patch,
    written,
)
from penstock.scaling.size import Size

GIB = 2**30


def workload(resources: dict[str, Any], strategy: str = "RollingUpdate") -> bytes:
    containers = [{"name": "sidecar"}, {"name": "engine", "ports": [{"containerPort": 80}], "resources": resources}]
    spec = {"template": {"spec": {"containers": containers}}, "strategy": {"type": strategy}}
    return json.dumps({"spec": spec}).encode()


def resources(patch: bytes) -> Any:
    (container,) = json.loads(patch)["spec"]["template"]["spec"]["containers"]
    assert container["name"] == "engine"
    return container["resources"]


@pytest.mark.parametrize(
    ("text", "number"),
    [("500m", 0.5), ("2", 2.0), ("1.5", 1.5), ("128Mi", 2.0**27), ("1e3", 1000.0), ("129M", 129e6), ("7n", 7e-9),
     ("", None), ("-1", None), ("12Zi", None), ("x", None)],
)  # fmt: skip
def test_quantities_as_kubernetes_writes_them(text: str, number: float | None) -> None:
    assert quantity(text) == (None if number is None else pytest.approx(number))


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [("cpu", 0.25, "250m"), ("cpu", 3.0, "3000m"), ("cpu", 1 / 3, "334m"), ("memory", 2**30, "1024Mi"),
     ("memory", 1000, "1000")],
)  # fmt: skip
def test_and_as_they_are_written(key: str, value: float, text: str) -> None:
    assert written(key, value) == text
    assert quantity(text) == pytest.approx(value, abs=1e-3)


def test_the_container_with_the_port_is_the_engine_and_what_it_has_is_requested() -> None:
    one = read_template(workload({"requests": {"cpu": "2", "nvidia.com/gpu": "1"}, "limits": {"memory": "4Gi"}}), 80)
    assert (one.container, one.size) == ("engine", Size(cpu=2.0, memory=4 * GIB))
    assert read_template(workload({}), 81).container == "sidecar"
    assert read_template(workload({}), 80).size == Size()


def test_cores_have_thousandths_and_what_nobody_named_stays() -> None:
    given = read_template(workload({"requests": {"cpu": "1", "memory": "1Gi"}}), 80)
    assert fitted(given, Size(cpu=1 / 3)) == Size(cpu=0.334, memory=GIB)
    assert fitted(given, Size(memory=2 * GIB)) == Size(cpu=1.0, memory=2 * GIB)


def test_a_limit_keeps_its_ratio_and_none_is_made() -> None:
    given = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "3"}}
    patch = resize_patch(read_template(workload(given), 80), Size(cpu=2, memory=2 * GIB))
    assert resources(patch) == {"requests": {"cpu": "2000m", "memory": "2048Mi"}, "limits": {"cpu": "6000m"}}
    alone = resize_patch(read_template(workload({"limits": {"memory": "1Gi"}}), 80), Size(memory=2 * GIB))
    assert resources(alone) == {"requests": {"memory": "2048Mi"}, "limits": {"memory": "2048Mi"}}


@pytest.mark.parametrize("strategy", ["Recreate", "OnDelete"])
def test_pods_that_would_all_end_at_once_are_left_alone(strategy: str) -> None:
    with pytest.raises(ValueError, match=strategy):
        resize_patch(read_template(workload({}, strategy), 80), Size(cpu=1))


@pytest.mark.parametrize("body", [b"", b"[]", b'{"spec": {}}', b'{"spec": {"template": {"spec": {"containers": []}}}}'])
def test_what_is_no_workload_is_said(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"none that was asked for|no container"):
        read_template(body, 80)


def test_use_is_the_most_of_the_engine_in_one_pod() -> None:
    pods = [{"containers": [{"name": "engine", "usage": {"cpu": "1", "memory": memory}}]} for memory in ("1Gi", "2Gi")]
    assert read_use(json.dumps({"items": pods}).encode(), "engine") == Size(cpu=1.0, memory=2 * GIB)
    assert read_use(json.dumps({"items": pods}).encode(), "other") == Size()
