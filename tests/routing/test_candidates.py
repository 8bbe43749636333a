from penstock.core.call import Operation
from penstock.routing.candidates import Candidates
from penstock.routing.targets import Changes, Target
from tests.support.targets import Upstream, call

FILES = Operation("files", "openai", "/files", body="opaque", needs_model=False)


def three() -> tuple[Candidates, list[Target]]:
    """a, b and c, of which b does not serve."""
    changes = Changes()
    those = [Target(name, Upstream(name, name != "b"), changes=changes) for name in "abc"]
    return Candidates(those), those


def test_those_that_have_the_operation_in_the_order_of_the_config() -> None:
    candidates, (a, _, c) = three()
    assert candidates.able(call()) == [a, c]
    assert Candidates([]).able(call()) == []
    assert repr(candidates) == "<Candidates a, b, c>"


def test_the_list_is_the_same_object_until_something_changes() -> None:
    candidates, (a, _, c) = three()
    first = candidates.able(call())
    assert candidates.able(call()) is first
    assert candidates.able(call(operation=FILES)) is not first
    a.drain()
    assert candidates.able(call()) == [c]
    a.drain(False)
    assert candidates.able(call()) == [a, c]
    assert first == [a, c]


def test_where_all_drain_they_still_serve() -> None:
    candidates, those = three()
    for one in those:
        one.drain()
    assert [one.name for one in candidates.able(call())] == ["a", "c"]
