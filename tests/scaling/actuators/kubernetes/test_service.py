"""The actuator against a server that plays Kubernetes' API: scale subresource, conflicts, rights, deletion costs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from penstock.process.loop import run
from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.actuators.kubernetes.service import Kubernetes
from penstock.scaling.actuators.kubernetes.workload import COST, DRAINS
from penstock.scaling.actuators.kubernetes_config import KubernetesConfig
from penstock.scaling.actuators.seldom import Seldom
from tests.support.cluster import Cluster, cluster

Scene = Callable[[Cluster, Kubernetes], Awaitable[None]]
STATEFUL = "/apis/apps/v1/namespaces/llm/statefulsets/vllm/scale"


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


@contextlib.asynccontextmanager
async def acting(
    account: Path, kind: str = "Deployment", sized: bool = False
) -> AsyncIterator[tuple[Cluster, Kubernetes]]:
    numbered = kind == "StatefulSet"
    path = STATEFUL if numbered else "/apis/apps/v1/namespaces/llm/deployments/vllm/scale"
    async with cluster(account, path, numbered) as played:
        config = KubernetesConfig(name="vllm", kind=kind, port=8000, service_account=str(account))
        actuator = Kubernetes(config, 2.5, environ=played.environ(), sized=lambda: sized)
        try:
            yield played, actuator
        finally:
            await actuator.aclose()


def play(account: Path, scene: Scene, kind: str = "Deployment", *, sized: bool = False) -> None:
    async def main() -> None:
        async with asyncio.timeout(20), acting(account, kind, sized) as (played, actuator):
            await scene(played, actuator)

    run(main())


def test_pods_are_replicas(tmp_path: Path) -> None:
    async def scene(played: Cluster, actuator: Kubernetes) -> None:
        played.scale(2)
        played.run()
        played.scale(5)
        played.pods[2].unscheduled = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
        played.pods[3].waiting = ("ImagePullBackOff", "no such image")
        played.pods[1].goes = True
        standing = await actuator.current()
        assert standing.wanted == 5
        assert standing.price == 2.5
        assert standing.moves
        first, third, fourth, fifth = standing.replicas
        assert (first.name, first.address, first.state, first.took) == ("vllm-1", "10.1.0.1:8000", "ready", 30.0)
        assert standing.order == [], "of a Deployment anyone may go"
        assert (third.state, third.address) == ("starting", "")
        assert "Insufficient nvidia.com/gpu" in third.trouble
        assert (fourth.state, fourth.trouble) == ("failed", "ImagePullBackOff: no such image")
        assert fifth.state == "starting"
        assert not fifth.trouble

    play(tmp_path, scene)


def test_out_and_in_again_the_victims_go(tmp_path: Path) -> None:
    async def scene(played: Cluster, actuator: Kubernetes) -> None:
        await actuator.want(5)
        assert played.replicas == 5
        played.run()
        played.pods[4].annotations[COST] = str(DRAINS - 500)  # somebody's own: ours must still go first
        await actuator.want(3, ["vllm-3", "vllm-2"])
        assert played.names() == ["vllm-1", "vllm-4", "vllm-5"]
        marked = {pod.name: int(pod.annotations[COST]) for pod in played.pods if pod.goes}
        assert marked["vllm-3"] < marked["vllm-2"] < DRAINS - 500

    play(tmp_path, scene)


def test_without_the_mark_another_one_would_go(tmp_path: Path) -> None:
    """The server really heeds the cost: else the test above would show nothing."""

    async def scene(played: Cluster, actuator: Kubernetes) -> None:
        played.scale(3)
        played.run()
        await actuator.want(2)
        assert played.names() == ["vllm-1", "vllm-2"]

    play(tmp_path, scene)


def test_a_pod_that_drains_is_marked_and_taken_back(tmp_path: Path) -> None:
    async def scene(played: Cluster, actuator: Kubernetes) -> None:
        played.scale(2)
        played.run()
        await actuator.drain("vllm-1", drained=True)
        assert [one.state for one in (await actuator.current()).replicas] == ["draining", "ready"]
        other = Kubernetes(actuator._config, environ=played.environ())  # our own process, begun anew
        assert [one.state for one in (await other.current()).replicas] == ["ready", "ready"]
        await other.aclose()
        played.scale(1)  # whoever does it: a person, another gateway
        assert played.names() == ["vllm-2"]
        await actuator.drain("vllm-2", drained=True)
        await actuator.drain("vllm-2", drained=False)
        assert COST not in played.pods[1].annotations
        await actuator.drain("vllm-9", drained=True)  # it is gone: nothing to say

    play(tmp_path, scene)


def test_the_pods_of_a_statefulset_are_not_touched(tmp_path: Path) -> None:
    """A mark would not count, and who may set one may change what any pod of the namespace runs."""

    async def scene(played: Cluster, actuator: Kubernetes) -> None:
        played.scale(2)
        played.run()
        await actuator.drain("vllm-1", drained=True)
        assert [one.state for one in (await actuator.current()).replicas] == ["ready", "draining"]
        assert not any(pod.annotations for pod in played.pods)

    play(tmp_path, scene, "StatefulSet")


def test_a_statefulset_gives_up_its_highest_numbers_and_no_others(tmp_path: Path) -> None:
    async def scene(played: Cluster, actuator: Kubernetes) -> None:
        played.scale(12)
        played.run()
        with pytest.raises(ActuatorError, match=r"highest numbers \(vllm-11, vllm-10\) and cannot give up vllm-0"):
            await actuator.want(10, ["vllm-0", "vllm-11"])
        assert (await actuator.current()).order[:3] == ["vllm-11", "vllm-10", "vllm-9"]
        assert played.replicas == 12
        await actuator.want(10, ["vllm-10", "vllm-11"])
        assert played.names() == [f"vllm-{number}" for number in range(10)]

    play(tmp_path, scene, "StatefulSet")


def test_a_change_by_somebody_else_is_read_again_and_not_trampled(tmp_path: Path) -> None:
    async def scene(played: Cluster, actuator: Kubernetes) -> None:
        once = [lambda: played.scale(7)]
        played.interfere = lambda: once.pop()() if once else None
        await actuator.want(4)
        assert played.replicas == 4
        assert played.asked.count(f"PATCH {played.path}") == 2
        played.interfere = lambda: played.scale(played.replicas + 1)
        with pytest.raises(ActuatorError, match="somebody else keeps changing"):
            await actuator.want(2)

    play(tmp_path, scene)


def test_who_already_has_so_many_is_left_alone(tmp_path: Path) -> None:
    async def scene(played: Cluster, actuator: Kubernetes) -> None:
        played.scale(3)
        await actuator.want(3)
        assert not [one for one in played.asked if one.startswith("PATCH")]

    play(tmp_path, scene)


def test_missing_rights_are_told_with_what_to_grant(tmp_path: Path) -> None:
    async def scene(played: Cluster, actuator: Kubernetes) -> None:
        played.scale(2)
        played.run()
        played.forbidden = ("PATCH /apis/",)
        with pytest.raises(ActuatorError) as caught:
            await actuator.want(3)
        said = str(caught.value)
        assert "Deployment vllm: this pod's service account may not PATCH /apis/apps/v1" in said
        assert "patch on deployments/scale" in said
        assert "system:x" in said, "the server's own words"
        played.forbidden = ("PATCH /api/v1/namespaces/llm/pods/",)
        with pytest.raises(ActuatorError, match="patch on pods"):
            await actuator.want(1, ["vllm-1"])
        assert played.replicas == 2, "a pod that could not be marked keeps others from going in its place"

    play(tmp_path, scene)


def test_a_renewed_token_is_used_at_once(tmp_path: Path) -> None:
    async def scene(played: Cluster, actuator: Kubernetes) -> None:
        await actuator.want(1)
        played.token = "second"
        with pytest.raises(ActuatorError, match="does not know the token"):
            await actuator.want(2)
        (tmp_path / "token").write_text("second\n")
        await actuator.want(2)
        assert played.replicas == 2

    play(tmp_path, scene)


def test_a_workload_that_is_not_there(tmp_path: Path) -> None:
    async def scene(played: Cluster, actuator: Kubernetes) -> None:
        played.path = "/elsewhere"
        with pytest.raises(ActuatorError, match="no such workload"):
            await actuator.current()
        played.port = 0
        (tmp_path / "namespace").unlink()
        with pytest.raises(ActuatorError, match=r"Deployment vllm.*namespace"):
            await actuator.current()

    play(tmp_path, scene)


def test_it_is_looked_at_once_an_interval_and_after_a_change(tmp_path: Path) -> None:
    hand = Hand()

    async def scene(played: Cluster, kubernetes: Kubernetes) -> None:
        actuator = Seldom(kubernetes, kubernetes._config.interval, hand)
        await actuator.current()
        await actuator.current()
        assert len(played.asked) == 2, "the scale and the pods, once"
        hand.at = 2.0
        await actuator.current()
        assert len(played.asked) == 4
        await actuator.want(1)
        assert (await actuator.current()).wanted == 1

    play(tmp_path, scene)


def test_many_pods_come_in_pages(tmp_path: Path) -> None:
    async def scene(played: Cluster, actuator: Kubernetes) -> None:
        played.page = 3
        played.scale(8)
        assert len((await actuator.current()).replicas) == 8
        played.page = 1
        played.scale(30)
        await actuator.drain("vllm-1", drained=False)
        with pytest.raises(ActuatorError, match="more pods than can be listed"):
            await actuator.current()

    play(tmp_path, scene)


def test_outside_a_cluster(tmp_path: Path) -> None:
    async def main() -> None:
        actuator = Kubernetes(KubernetesConfig(name="vllm"), environ={})
        with pytest.raises(ActuatorError, match="this is no pod"):
            await actuator.current()

    run(main())
