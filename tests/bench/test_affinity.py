import asyncio
import math

import pytest

from bench import affinity
from bench.affinity import POLICIES, Sample, load, row
from tests.support.caching_upstream import CachingUpstream


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("CONVERSATIONS", 2), ("TURNS", 3), ("SYSTEM_WORDS", 100), ("LONGEST_PAUSE_SECONDS", 0.0)):
        monkeypatch.setattr(affinity, name, value)


@pytest.mark.usefixtures("_small")
def test_a_group_shares_its_beginning_and_each_turn_has_the_one_before() -> None:
    with CachingUpstream("a") as server:
        samples = asyncio.run(load(server.port, {}, 1, 30.0))
        assert len(samples) == affinity.GROUPS * 2 * 3
        for sample in samples:
            assert 0 < sample.first < 30
            assert (sample.cached > sample.prompt / 2) == (sample.conversation + sample.turn > 0)
        asked = list(server.prompts)
        asyncio.run(load(server.port, {}, 1, 30.0))
        assert sorted(server.prompts[len(asked) :]) == sorted(asked), "each policy meets the same words"


@pytest.mark.usefixtures("_small")
def test_what_is_not_answered_within_the_limit_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(affinity, "words", lambda draw, count: "hold")
    with CachingUpstream("a") as server:
        assert asyncio.run(load(server.port, {}, 1, 0.3)) == []


def test_a_call_without_an_answer_took_for_ever() -> None:
    samples = [Sample(0, 0, turn, 1.0 + turn, 100, 60) for turn in range(4)]
    told = row(POLICIES[0], samples, 5)
    assert (told["calls"], told["cached %"], told["computed tokens"]) == ("4/5", "60.0", "160")
    assert (told["first token p50 s"], told["p90 s"]) == ("3.00", f"{math.inf}")


def test_the_routers_are_compared_by_both_policies() -> None:
    assert [(policy.proxy, policy.name) for policy in POLICIES] == [
        ("penstock", "adaptive"), ("vllm-router", "cache_aware"), ("vllm-router", "round_robin"),
        ("sglang-router", "cache_aware"), ("sglang-router", "round_robin"),
    ]  # fmt: skip
