"""How large pods are, against the same played API server: templates, rollouts, what is measured, what is refused."""

from pathlib import Path

import pytest

from penstock.process.loop import run
from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.actuators.kubernetes.service import Kubernetes
from penstock.scaling.actuators.kubernetes_config import KubernetesConfig
from penstock.scaling.size import Size
from tests.scaling.actuators.kubernetes.test_service import play
from tests.support.cluster import Cluster, cluster

GIB = 2**30
WORKLOAD = "/apis/apps/v1/namespaces/llm/deployments/vllm"


def test_a_pod_is_as_large_as_its_template_says_and_is_changed_there(tmp_path: Path) -> None:
    async def scene(played: Cluster, actuator: Kubernetes) -> None:
        played.scale(2)
        played.resources = {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}}
        standing = await actuator.current()
        assert (standing.size, standing.can) == (Size(cpu=0.5, memory=GIB), ["cpu", "memory"])
        wanted = Size(memory=3 * GIB)
        assert await actuator.resize(wanted, dry_run=True) == Size(cpu=0.5, memory=3 * GIB)
        assert played.template == 1, "a dry run"
        assert await actuator.resize(wanted) == Size(cpu=0.5, memory=3 * GIB)
        assert played.resources == {"requests": {"cpu": "500m", "memory": "3072Mi"}, "limits": {"memory": "6144Mi"}}
        assert (await actuator.current()).size == Size(cpu=0.5, memory=3 * GIB)
        await actuator.resize(wanted)
        assert played.template == 2, "what is so already is not rolled out again"

    play(tmp_path, scene, sized=True)


def test_while_pods_are_replaced_that_is_told(tmp_path: Path) -> None:
    async def scene(played: Cluster, actuator: Kubernetes) -> None:
        played.scale(2)
        played.run()
        assert not (await actuator.current()).rolls
        played.template += 1
        played.surge()
        assert (await actuator.current()).rolls
        played.pods = played.pods[2:]
        assert not (await actuator.current()).rolls
        assert all(one.endswith(("/scale", "/pods")) for one in played.asked), "no more is asked than before"

    play(tmp_path, scene)


def test_what_pods_use_is_known_where_it_is_measured(tmp_path: Path) -> None:
    async def scene(played: Cluster, actuator: Kubernetes) -> None:
        played.scale(1)
        assert (await actuator.current()).use == Size()
        played.used = [{"cpu": "250m", "memory": "900Mi"}, {"cpu": "1200000000n", "memory": "100Ki"}]
        for _ in range(8):
            standing = await actuator.current()
        assert standing.use == Size(cpu=1.2, memory=900 * 2**20)
        assert sum("metrics.k8s.io" in one for one in played.asked) == 2, "not each time"

    play(tmp_path, scene, sized=True)


@pytest.mark.parametrize(
    ("size", "strategy", "forbidden", "says"),
    [
        (Size(slots=4), "RollingUpdate", (), "slots cannot be changed: a pod has cpu and memory"),
        (Size(cpu=1), "Recreate", (), "Deployment vllm: its strategy is Recreate: pods would not be replaced one by"),
        (Size(cpu=1), "RollingUpdate", (f"PATCH {WORKLOAD}",), "Give it a Role with get and patch on deployments"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    tmp_path: Path, size: Size, strategy: str, forbidden: tuple[str, ...], says: str
) -> None:
    async def scene(played: Cluster, actuator: Kubernetes) -> None:
        played.strategy, played.forbidden = strategy, forbidden
        with pytest.raises(ActuatorError, match=says):
            await actuator.resize(size)
        assert played.template == 1

    play(tmp_path, scene, sized=True)


def test_without_the_right_to_look_pods_are_scaled_all_the_same(tmp_path: Path) -> None:
    async def scene(played: Cluster, actuator: Kubernetes) -> None:
        played.forbidden = (f"GET {WORKLOAD}$",)
        played.scale(2)
        standing = await actuator.current()
        assert (standing.wanted, standing.can) == (2, [])
        assert "Give it a Role with get and patch on deployments" in standing.unsized

    play(tmp_path, scene, sized=True)


def test_another_kind_keeps_its_size(tmp_path: Path) -> None:
    async def scene(played: Cluster, actuator: Kubernetes) -> None:
        with pytest.raises(ActuatorError, match="only pods of Deployment and StatefulSet can be resized"):
            await actuator.resize(Size(cpu=1))

    async def main() -> None:
        path = "/apis/leaderworkerset.x-k8s.io/v1/namespaces/llm/leaderworkersets/vllm/scale"
        async with cluster(tmp_path, path) as played:
            config = KubernetesConfig(name="vllm", kind="LeaderWorkerSet", service_account=str(tmp_path))
            actuator = Kubernetes(config, environ=played.environ(), sized=lambda: True)
            assert (await actuator.current()).can == []
            await scene(played, actuator)
            await actuator.aclose()

    run(main())
