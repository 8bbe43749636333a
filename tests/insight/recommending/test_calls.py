import pytest

from penstock.insight.recommending import calls
from penstock.insight.recommending.known import Model
from tests.support.advice import MODELS, bottleneck, known
from tests.support.spans import call, failed, hit

MISS = call(cache="miss", total=1.002, cost=1000)


def test_a_low_hit_rate_tells_what_seventy_in_a_hundred_would_bring() -> None:
    (one,) = calls.hit_rate(known([hit()] * 30 + [MISS] * 70))
    assert (one.type, one.priority, one.effort) == ("hit_rate", "medium", "low")
    assert "30% of 100" in one.description
    assert "57% faster" in one.benefit  # 40 calls of 1 s less, of 70.2 s in all
    assert "58 min" in one.benefit  # 40 s in 1000 s
    assert "$3.46" in one.benefit  # 40 of 1000 micro-dollars in 1000 s
    assert [action.config for action in one.actions] == [
        "", "cache: {semantic: {enabled: true}}", "cache: {exact: {ttl: 24h}, memory: 512MiB}",
    ]  # fmt: skip


@pytest.mark.parametrize("hits", [70, 99])
def test_a_good_hit_rate_is_let_be(hits: int) -> None:
    assert list(calls.hit_rate(known([hit()] * hits + [MISS] * (100 - hits)))) == []


def test_without_a_cache_or_with_few_look_ups_nothing_is_said_of_it() -> None:
    assert list(calls.hit_rate(known([MISS] * 100, exact=False))) == []
    assert list(calls.hit_rate(known([MISS] * 99))) == []
    assert len(next(calls.hit_rate(known([MISS] * 100, semantic=True))).actions) == 2


def test_prompts_that_are_read_anew() -> None:
    short = bottleneck("context", "m", cached_share=0.25)
    (one,) = calls.prefixes(known([call()] * 100, bottlenecks=[short], affinity=False))
    assert [action.config for action in one.actions] == [
        "", "affinity: {enabled: true}", 'models: {"m": {strategy: prefix}}', "grouping: {group_by: prefix}",
    ]  # fmt: skip
    assert "at most 75 ms" in one.benefit
    (other,) = calls.prefixes(known([call()], bottlenecks=[bottleneck("context", "n")], group_by="prefix"))
    assert [action.kind for action in other.actions] == ["investigate"]


def test_small_calls_that_come_often_go_together() -> None:
    often = known([call(operation="embeddings")] * 500, seconds=10.0)
    (one,) = calls.batches(often)
    assert "1.5 calls" in one.benefit  # 50 a second, for 10 ms
    assert list(calls.batches(known([call(operation="embeddings")] * 500, seconds=10.0, batching=True))) == []
    assert list(calls.batches(known([call(operation="embeddings")] * 500))) == []
    assert list(calls.batches(known([call()] * 500, seconds=10.0))) == []


def test_timeouts_that_are_far_from_what_is_seen() -> None:
    (sooner,) = calls.timeouts(known([call()] * 1000 + [failed()] * 101))
    assert sooner.actions[0].config == "timeouts: {first_token: 1s}"
    assert sooner.priority == "low"
    (longer,) = calls.timeouts(known([call(first_byte=9.0, total=10.0)] * 1000, first_token=10.0))
    assert longer.actions[0].config == "timeouts: {first_token: 18s}"
    assert list(calls.timeouts(known([call()] * 1000))) == []
    assert list(calls.timeouts(known([call()] * 10 + [failed()] * 101))) == []


def test_a_long_tail_and_a_second_upstream() -> None:
    tail = [call()] * 920 + [call(first_byte=5.0, total=6.0)] * 80
    (one,) = calls.hedges(known(tail))
    assert "4.86 s for the slowest twentieth" in one.benefit
    assert list(calls.hedges(known(tail, hedge=True))) == []
    assert list(calls.hedges(known([call(model="n")] * 920 + [call(model="n", first_byte=5.0)] * 80))) == []
    assert list(calls.hedges(known([call()] * 1000))) == []


def test_a_dear_model_beside_a_cheaper_one() -> None:
    both = [call(cost=10_000)] * 100 + [call(model="n", cost=100)] * 100
    (one,) = calls.dear(known(both))
    assert one.title == "Ask less of m"
    assert "99% of the money" in one.description
    assert "each tenth of its calls that n answers spares $8.55 a day" in one.benefit
    assert [action.kind for action in one.actions] == ["investigate"]


def test_a_dear_model_with_upstreams_of_several_prices() -> None:
    models = MODELS | {"m": Model(upstreams=("up", "b"), prices={"up": (10.0, 20.0), "b": (1.0, 2.0)})}
    (one,) = calls.dear(known([call(cost=1820)] * 100, models=models))
    assert one.actions[0].config == 'models: {"m": {strategy: cost}}'
    assert "$14.15" in one.benefit  # a tenth of the price: 1638 micro-dollars a call less
    cheap = MODELS | {"m": Model("cost", ("up", "b"), (), {"up": (10.0, 20.0), "b": (1.0, 2.0)})}
    assert list(calls.dear(known([call(cost=1820)] * 100, models=cheap))) == []


def test_an_embedder_is_no_stand_in_and_who_costs_nothing_is_not_dear() -> None:
    embedder = [call(model="n", cost=1, tokens_out=0)] * 100
    assert list(calls.dear(known([call(cost=10_000)] * 100 + embedder))) == []
    assert list(calls.dear(known([call()] * 100))) == []
