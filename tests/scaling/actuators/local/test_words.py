from penstock.scaling.actuators.local.words import command, environment, scrubbed
from penstock.scaling.actuators.local_config import LocalConfig
from penstock.scaling.size import Size

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


def test_a_size_is_filled_in_whole() -> None:
    config = LocalConfig(command=["x", "{port}", "-np", "{slots}", "-c={context}"], environment={"T": "{threads}"})
    size = Size(slots=8, context=1_310_720, threads=2)
    assert command(config, 1, [], size)[2:] == ["-np", "8", "-c=1310720"]
    assert environment(config, 1, [], {}, size) == {"T": "2"}


def test_what_a_command_says_of_its_secrets_is_not_told() -> None:
    config = LocalConfig(
        command=["vllm", "--api-key", "sk-secret-1", "{port}"],
        environment={"HF_TOKEN": "hf_secret", "HF_HOME": "/var/lib/models", "MODE": "fast"},
    )
    line = "Namespace(api_key='sk-secret-1', hf='hf_secret', home='/var/lib/models', mode='fast')"
    assert scrubbed(config)(line) == "Namespace(api_key='********', hf='********', home='/var/lib/models', mode='fast')"
