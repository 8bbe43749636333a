import pytest

from penstock.config import Config, ConfigError
from penstock.memory.config import MemoryConfig

SERVED = "upstreams: {e: {kind: echo}}\nmodels: {m: {upstreams: [e]}}\n"


def test_without_a_word_there_is_no_limit_of_its_own() -> None:
    assert Config.parse(SERVED, "p.yaml", {}).of(MemoryConfig).limit is None


def test_a_limit_is_a_size() -> None:
    assert Config.parse(SERVED + "memory: {limit: 1GiB}\n", "p.yaml", {}).of(MemoryConfig).limit == 1 << 30


@pytest.mark.parametrize("text", ["limit: 0", "limit: -1MiB", "limit: 31MiB", "every: 0s", "every: 61s"])
def test_what_could_not_work_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"p\.yaml:3"):
        Config.parse(SERVED + f"memory: {{{text}}}\n", "p.yaml", {})


def test_bodies_that_are_given_more_than_all_have_are_a_mistake() -> None:
    with pytest.raises(ConfigError, match=r"bodies is more than memory\.limit"):
        Config.parse(SERVED + "memory: {limit: 256MiB, bodies: 300MiB}\n", "p.yaml", {})
