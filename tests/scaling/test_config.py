import pytest

from penstock.config import Config, ConfigError

UPSTREAMS = """
upstreams:
  gpu: {kind: vllm, base_url: "http://127.0.0.1:9/v1"}
  found: {kind: vllm, discover: {scaling: true}}
models: {m: {upstreams: [gpu]}}
"""
STARTED = "found: {local: {command: [serve, '--port', '{port}']}}"


def read(pools: str, more: str = "") -> list[str]:
    """What is wrong with it."""
    try:
        Config.parse(f"{UPSTREAMS}scaling: {{pools: {{{pools}}}{more}}}\n", "p.yaml", {})
    except ConfigError as error:
        return list(error.problems)
    return []


def test_pools_of_what_stands_and_of_what_is_started_here() -> None:
    assert read(f"gpu: {{min: 0, max: 5, signal: {{}}}}, {STARTED}") == []


@pytest.mark.parametrize(
    ("pools", "says"),
    [
        (f"gpu: {{}}, {STARTED}", "needs one of local, ray, kubernetes, aws and signal, and has none"),
        (f"gpu: {{signal: {{}}, local: {{command: ['{{port}}']}}}}, {STARTED}", "and has local and signal"),
        (f"gpu: {{min: 3, max: 2, signal: {{}}}}, {STARTED}", "min must not be more than max"),
        (f"cpu: {{signal: {{}}}}, {STARTED}", 'pool "cpu" is of no upstream'),
        ("found: {signal: {}}", 'must not have "discover: {scaling: true}"'),
        (f"gpu: {{local: {{command: ['{{port}}']}}}}, {STARTED}", 'needs "discover: {scaling: true}"'),
        (f"gpu: {{local: {{}}}}, {STARTED}", "\"local\" needs a command"),
        (f"gpu: {{signal: {{}}, policy: {{ceiling: 5}}}}, {STARTED}", "a ceiling needs a price: upstreams.gpu.price"),
        (f"gpu: {{signal: {{}}, policy: {{schedules: [{{min: 9}}]}}}}, {STARTED}", "9, is more than the pool's max, 1"),
        (f"gpu: {{signal: {{}}, policy: {{schedules: [{{max: 0}}]}}}}, {STARTED}", "0, is less than the pool's min, 1"),
        (f"gpus: {{signal: {{}}}}, {STARTED}", "must be that of one; did you mean"),
        ("gpu: {signal: {}}", '"scaling" needs a pool: scaling.pools.found'),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told(pools: str, says: str) -> None:
    problems = read(pools)
    assert any(says in one for one in problems), problems


def test_keda_is_not_told_beyond_this_machine_without_a_word() -> None:
    (says,) = read(STARTED, ", keda: {listen: '0.0.0.0:8401'}")
    assert "scaling.keda" in says
    assert read(STARTED, ", keda: {listen: '0.0.0.0:8401', insecure: true}") == []


def test_pools_are_bounded() -> None:
    many = ", ".join(f"p{number}: {{signal: {{}}}}" for number in range(65))
    assert any("at most 64 pools" in one for one in read(many))
