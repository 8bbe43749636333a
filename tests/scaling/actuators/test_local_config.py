import pytest

from penstock.core.printing import plain_struct
from penstock.core.shapes import MASK
from penstock.scaling.actuators.local_config import LocalConfig


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (LocalConfig(command=["x"]), "must say its port"),
        (LocalConfig(environment={"A": "b"}), "for a command"),
        (LocalConfig(command=["{port}"], gpus=["0", "0"], gpus_per_replica=1), "named twice"),
        (LocalConfig(command=["{port}"], gpus=["0"]), "none is for a replica"),
        (LocalConfig(command=["{port}"], ready="health"), "must be a path"),
        (LocalConfig(command=["{port}"], slots=4), "slots and {slots} in the command go together"),
        (LocalConfig(command=["{port}", "{context}"]), "context and {context} in the command go together"),
    ],
)
def test_what_does_not_fit_is_told(config: LocalConfig, says: str) -> None:
    assert [says in text for _, text in config.check()] == [True]


def test_a_port_in_the_environment_will_do() -> None:
    assert list(LocalConfig(command=["x"], environment={"PORT": "{port}"}).check()) == []


def test_a_size_may_stand_in_the_environment() -> None:
    assert list(LocalConfig(command=["{port}"], environment={"N": "{threads}"}, threads=2).check()) == []


def test_so_many_replicas_fit_the_gpus_that_are_named() -> None:
    assert LocalConfig(command=["{port}"], gpus=["0", "1", "2"], gpus_per_replica=2).room() == 1
    assert LocalConfig(command=["{port}"], gpus_per_replica=2).room() is None


def test_what_stands_in_the_environment_is_not_shown() -> None:
    config = LocalConfig(command=["{port}"], environment={"HF_TOKEN": "hf_secret"})
    assert "hf_secret" not in str(plain_struct(config))


def test_a_secret_of_the_command_is_not_shown() -> None:
    config = LocalConfig(command=["vllm", "--api-key", "sk-secret", "--port", "{port}"])
    assert plain_struct(config)["command"] == ["vllm", "--api-key", MASK, "--port", "{port}"]
    assert plain_struct(config, masked=False)["command"] == config.command
