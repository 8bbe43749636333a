import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.scaling.actuators.kubernetes.workload import (
    COST,
    DRAINS,
    LEAST_COST,
    Place,
    Pod,
    cost_patch,
    costs,
    numbered,
    read_failure,
    read_pods,
    read_scale,
    replica_of,
    scale_patch,
)


def pod(name: str = "a", **told: Any) -> Pod:
    return msgspec.convert({"metadata": {"name": name, **told.pop("metadata", {})}, **told}, Pod)


def with_cost(name: str, cost: str) -> Pod:
    return pod(name, metadata={"annotations": {COST: cost}})


def test_paths() -> None:
    place = Place("leaderworkerset.x-k8s.io/v1", "leaderworkersets", "llm", "vllm")
    assert place.scale == "/apis/leaderworkerset.x-k8s.io/v1/namespaces/llm/leaderworkersets/vllm/scale"
    assert place.pods("a=b,c in (d)") == "/api/v1/namespaces/llm/pods?labelSelector=a%3Db%2Cc+in+%28d%29&limit=500"
    assert place.pods("a=b", "x&y").endswith("&continue=x%26y")
    assert place.pod("vllm-0") == "/api/v1/namespaces/llm/pods/vllm-0"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>", "no Scale"),
        (b'{"kind": "Status", "metadata": {}}', 'with "Status" instead'),
        (b'{"kind": "Scale", "metadata": {}, "spec": {"replicas": 1}, "status": {}}', "no selector"),
        (b"[" * 5000, "no Scale"),
        (b"\xff", "no Scale"),
    ],
)
def test_what_is_no_scale(body: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_scale(body)


def test_a_list_without_items() -> None:
    assert read_pods(b'{"kind": "PodList", "metadata": {}, "items": null}') == ([], "")


def test_failures_are_one_line() -> None:
    assert read_failure(b'{"kind": "Status", "message": "no\\nway\\u001b[2J"}') == "no way [2J"
    assert read_failure(b"nonsense") == ""
    assert len(read_failure(json.dumps({"message": "x" * 10_000}).encode())) == 300


def test_addresses() -> None:
    running = {"phase": "Running", "podIP": "fd00::7"}
    assert replica_of(pod(status=running), 8000).address == "[fd00::7]:8000"
    two = {"containers": [{"ports": [{"containerPort": 1}]}, {"ports": [{"containerPort": 2}]}]}
    assert replica_of(pod(spec=two, status=running), None).address == "", "which port? nobody said"
    assert replica_of(pod(status={"phase": "Pending"}), 8000).address == ""


def test_a_pod_that_ended_has_failed() -> None:
    told = replica_of(pod(status={"phase": "Failed", "reason": "Evicted", "message": "low on\nmemory"}), None)
    assert (told.state, told.trouble) == ("failed", "Evicted: low on memory")


@pytest.mark.parametrize(("text", "cost"), [("7", 7), ("x", 0), ("", 0), ("9" * 30, 0), ("99999999999", 2**31 - 1)])
def test_costs_that_others_wrote(text: str, cost: int) -> None:
    assert with_cost("a", text).cost == cost


names = st.lists(st.sampled_from("abcdefgh"), unique=True, min_size=1)


@given(names, st.data())
def test_victims_are_cheaper_than_all_others_and_in_order(known: list[str], data: st.DataObject) -> None:
    values = st.integers(LEAST_COST + 8, 2**31 - 1)
    pods = [with_cost(name, str(data.draw(values))) for name in known]
    victims = data.draw(st.lists(st.sampled_from(known), unique=True))
    made = costs(pods, victims)
    assert list(made) == victims
    ordered = [made[name] for name in victims]
    assert ordered == sorted(set(ordered)), "the first goes first"
    others = [one.cost for one in pods if one.name not in victims]
    assert all(LEAST_COST <= cost <= DRAINS for cost in ordered)
    if victims and others:
        assert max(ordered) < min(others)


def test_the_highest_numbers_go() -> None:
    pods = [pod(f"v-{number}") for number in (0, 9, 10, 2)]
    pods.append(pod("v-11", metadata={"deletionTimestamp": "2026-11-26T10:00:00Z"}))
    assert numbered(pods) == ["v-10", "v-9", "v-2", "v-0"]
    assert numbered([pod("odd"), pod("v-0")]) == ["v-0", "odd"]


def test_patches() -> None:
    assert json.loads(cost_patch(-5)) == {"metadata": {"annotations": {COST: "-5"}}}
    assert json.loads(cost_patch(None)) == {"metadata": {"annotations": {COST: None}}}
    assert json.loads(scale_patch(3, "17")) == {"metadata": {"resourceVersion": "17"}, "spec": {"replicas": 3}}
    assert json.loads(scale_patch(3, "")) == {"spec": {"replicas": 3}}
