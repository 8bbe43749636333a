from types import SimpleNamespace

from penstock.insight.optimizer.proposals import COLLECT, WARM, Sight, Wish, order, wishes

KEYS = [
    "cache.memory",
    "cache.exact.ttl",
    "cache.semantic.max_error",
    "upstreams.fast.weight",
    "upstreams.slow.weight",
    "batching.max_wait",
    "grouping.max_wait",
    "admission.limit",
    "upstreams.fast.max_in_flight",
    "hedge.least_delay",
    "memory.collector.high",
    "memory.collector.pause",
]


def by_setting(**seen: object) -> dict[str, Wish]:
    return {wish.setting: wish for wish in wishes(Sight(keys=KEYS, **seen))}  # type: ignore[arg-type]


def test_the_three_of_the_specification() -> None:
    collect = by_setting(values={"memory": 0.81})[COLLECT]
    assert (collect.priority, collect.safety, collect.expected) == ("high", "safe", 0.15)
    warm = by_setting(values={"hit_rate": 0.59}, prompts=True)[WARM]
    assert (warm.priority, warm.safety, warm.expected) == ("medium", "safe", 0.25)
    slow = by_setting(values={"token_rate": 79.0}, target=100.0, pace={"fast": 0.01, "slow": 0.03})
    wish = slow["upstreams.fast.weight"]
    assert (wish.priority, wish.safety, wish.expected, wish.direction) == ("high", "medium", 0.2, 1)
    assert "fast is faster" in wish.because
    assert "upstreams.slow.weight" not in slow
    assert slow["batching.max_wait"].type == "token_rate"


def test_at_the_thresholds_nothing_is_wished() -> None:
    seen = {"memory": 0.8, "hit_rate": 0.6, "token_rate": 80.0}
    assert by_setting(values=seen, target=100.0, prompts=True) == {}
    assert by_setting() == {}


def test_without_prompts_there_is_nothing_to_warm_with() -> None:
    assert WARM not in by_setting(values={"hit_rate": 0.1})


def test_a_full_cache_grows_and_a_disliked_one_is_stricter() -> None:
    assert by_setting(values={"hit_rate": 0.3}, full=0.95)["cache.memory"].direction == 1
    assert "cache.memory" not in by_setting(values={"hit_rate": 0.3}, full=0.5)
    stricter = by_setting(values={"dislikes": 0.4, "hit_rate": 0.3})["cache.semantic.max_error"]
    assert (stricter.direction, stricter.safety) == (-1, "safe")


def test_waits_lead_to_the_room_that_makes_them() -> None:
    found = by_setting(waits={"batching": 0.2, "grouping": 0.05, "queue": 0.3})
    assert found["batching.max_wait"].direction == -1
    assert "grouping.max_wait" not in found
    assert found["admission.limit"].direction == 1
    assert found["upstreams.fast.max_in_flight"].scope == "upstream=fast"


def test_anomalies_and_bottlenecks_of_others_are_understood_as_far_as_they_tell() -> None:
    slow = SimpleNamespace(kind="high_latency", blames="upstream=slow", cause="slow is slow")
    found = by_setting(anomalies=[slow, SimpleNamespace(kind="memory_pressure"), object()])
    assert found["upstreams.slow.weight"].direction == -1
    assert found["upstreams.slow.weight"].because == "slow is slow"
    assert found["hedge.least_delay"].direction == -1
    assert COLLECT in found
    assert COLLECT in by_setting(bottlenecks=[SimpleNamespace(kind="memory", description="full")])


def test_they_are_in_order_of_priority_then_safety_and_one_a_key() -> None:
    found = wishes(
        Sight(
            values={"memory": 0.9, "hit_rate": 0.2, "token_rate": 1.0, "collector_pause": 0.1},
            target=10.0,
            keys=KEYS,
            explored=KEYS,
            pace={"fast": 0.1, "slow": 0.4},
            full=1.0,
            prompts=True,
        )
    )
    assert found[0].setting == COLLECT
    assert [order(wish) for wish in found] == sorted(order(wish) for wish in found)
    assert len({wish.setting for wish in found}) == len(found)
    assert found[-1].priority == "low"


def test_what_cannot_be_moved_here_is_not_wished() -> None:
    assert wishes(Sight(values={"hit_rate": 0.1}, full=1.0, explored=["cache.memory"])) == []
