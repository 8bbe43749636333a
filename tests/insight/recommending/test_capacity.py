from penstock.insight.recommending import capacity
from tests.support.advice import bottleneck, known
from tests.support.spans import call

MIB = 2**20
LEAK = {"name": "memory", "growth": 100 * MIB, "value": 400 * MIB, "seconds": 3600.0, "share": 0.5, "age": 60.0,
        "types": [["dict", 900], ["str", 10]]}  # fmt: skip


def test_a_leak_tells_what_grew_and_when_it_is_full() -> None:
    (one,) = capacity.leak(known(leak=LEAK))
    assert (one.type, one.priority, one.effort) == ("memory_leak", "high", "medium")
    assert "100 MiB of 400 MiB (25%)" in one.benefit
    assert "100 MiB an hour" in one.benefit
    assert "4.0 h" in one.benefit
    assert "dict, str" in one.description
    assert [action.kind for action in one.actions] == ["investigate", "optimise", "investigate"]


def test_no_leak_an_old_one_or_one_of_something_else() -> None:
    assert list(capacity.leak(known())) == []
    assert list(capacity.leak(known(leak=LEAK | {"age": 2 * 86_400.0}))) == []
    assert list(capacity.leak(known(leak=LEAK | {"name": "tasks"}))) == []


def test_a_larger_machine_is_recommended_and_never_made() -> None:
    found = list(capacity.machine(known(
        [call()] * 1000,
        bottlenecks=[bottleneck("memory", needed_bytes=900 * MIB), bottleneck("cpu"), bottleneck("event_loop"),
                     bottleneck("context")],
    )))  # fmt: skip
    assert [one.type for one in found] == ["larger_machine", "more_workers", "more_workers"]
    assert "900 MiB" in found[0].benefit
    assert "ceiling" in found[0].description
    assert "1.2 h" not in found[0].benefit
    assert "72 min of callers' waiting a day" in found[1].benefit  # 0.1 s for half of 86,400 calls a day


def test_replicas_of_what_calls_wait_for() -> None:
    found = list(capacity.replicas(known(
        [call()] * 100,
        bottlenecks=[bottleneck("upstream_queue", "up", "x: 1"), bottleneck("queueing", "batching"),
                     bottleneck("queueing")],
    )))  # fmt: skip
    assert [one.title for one in found] == ["Add a replica of up", "Add a replica of the upstreams"]
    assert [len(one.actions) for one in found] == [2, 1]
    assert found[0].priority == "high"


def test_what_the_memory_slice_suggests_is_passed_on() -> None:
    told = [("pressure", "cache", "most is held by 'cache'"), ("object_size", "bodies", "large"), ("new", "x", "y")]
    found = list(capacity.memory(known(suggestions=told)))
    assert [one.type for one in found] == ["memory_pressure", "memory_object_size"]
    assert found[0].description == "Most is held by 'cache'."


def test_connections_that_are_made_for_calls() -> None:
    (one,) = capacity.connections(known([call()] * 100, bottlenecks=[bottleneck("connections", "up")]))
    assert one.actions[1].config == 'upstreams: {"up": {max_age: 1h}}'
