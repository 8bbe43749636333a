import asyncio
import math

import pytest

from bench import grouping
from bench.grouping import WAYS, Sample, burst, config, row
from penstock.config import Config
from penstock.grouping.config import GroupingConfig
from tests.support.caching_upstream import CachingUpstream


def test_callers_of_a_group_share_their_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "SYSTEM_WORDS", 100)
    with CachingUpstream("a") as server:
        samples = asyncio.run(burst(server.port, 1, 3, 30.0))
        assert sorted(sample.group for sample in samples) == [0, 0, 0, 1, 1, 1]
        assert all(sample.first > 0 and sample.prompt > 100 for sample in samples)
        assert len(server.prompts) == 6


def test_a_call_without_an_answer_took_for_ever() -> None:
    told = row("prefix", [Sample(0, 1.0 + place, 100, 60) for place in range(4)], 5, 7.0)
    assert (told["calls"], told["computed tokens"], told["of"]) == ("4/5", "160", "400")
    assert (told["first token p50 s"], told["p90 s"]) == ("3.00", f"{math.inf}")


@pytest.mark.parametrize("way", WAYS)
def test_the_configuration_is_one_and_says_the_way(way: str) -> None:
    import json

    read = Config.parse(json.dumps(config(8400, way, "60s")), "c.yaml", {})
    assert read.of(GroupingConfig).group_by == way
