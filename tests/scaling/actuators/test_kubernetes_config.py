import pytest

from penstock.config import Config
from penstock.core.settings import ConfigError
from penstock.scaling.config import ScalingConfig

CONFIG = """
upstreams: {{llm: {{kind: vllm, discover: {{kubernetes: {{service: vllm}}}}}}}}
models: {{m: {{upstreams: [llm]}}}}
scaling: {{pools: {{llm: {{max: 4, kubernetes: {0}}}}}}}
"""


def test_kinds_that_are_known() -> None:
    config = Config.parse(CONFIG.format("{name: vllm, kind: LeaderWorkerSet}"), "x", {})
    _, at = config.of(ScalingConfig).pools["llm"].actuator
    assert at.home == ("leaderworkerset.x-k8s.io/v1", "leaderworkersets")


def test_another_kind() -> None:
    text = "{name: vllm, kind: InferenceService, api: serving.kserve.io/v1beta1, resource: inferenceservices}"
    _, at = Config.parse(CONFIG.format(text), "x", {}).of(ScalingConfig).pools["llm"].actuator
    assert at.home == ("serving.kserve.io/v1beta1", "inferenceservices")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "name is missing"),
        ("{name: 'a/b'}", "Kubernetes name"),
        ("{name: a, namespace: 'A B'}", "Kubernetes name"),
        ("{name: a, kind: deployment}", "such as Deployment"),
        ("{name: a, kind: Rollout}", "needs api and resource"),
        ("{name: a, kind: Rollout, api: argoproj.io/v1}", "go together"),
        ("{name: a, kind: Rollout, api: '../v1', resource: rollouts}", "group/version"),
        ("{name: a, kind: Rollout, api: argoproj.io/v1, resource: 'a/b'}", "plural"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Config.parse(CONFIG.format(text), "x", {})
