from penstock.scaling.actuators.local.words import command, environment
from penstock.scaling.actuators.local_config import LocalConfig

OURS = {"PATH": "/bin", "HOME": "/home", "OPENAI_API_KEY": "sk-secret", "CUDA_VISIBLE_DEVICES": "0,1,2"}
SHARDED = LocalConfig(
    command=["vllm", "serve", "m", "--tensor-parallel-size", "2", "--port", "{port}", "--tag={gpus}@{port}"],
    environment={"HF_TOKEN": "t", "AT": "{port}"}, gpus_per_replica=2,
)  # fmt: skip


def test_port_and_gpus_are_filled_in() -> None:
    assert command(SHARDED, 8001, ["0", "1"])[-2:] == ["8001", "--tag=0,1@8001"]


def test_it_gets_what_it_needs_of_our_environment_and_no_secret() -> None:
    given = environment(SHARDED, 8001, ["4", "5"], OURS)
    assert given == {"PATH": "/bin", "HOME": "/home", "CUDA_VISIBLE_DEVICES": "4,5", "HF_TOKEN": "t", "AT": "8001"}
    assert environment(LocalConfig(command=["x", "{port}"]), 1, [], OURS)["CUDA_VISIBLE_DEVICES"] == "0,1,2"
