"""A fork keeps what it stands on: a reload must not take an upstream away under work that outlives its caller."""

from penstock.core.call import Call, Operation
from penstock.core.exchange import Exchange
from penstock.core.priority import HIGH, LOW
from penstock.edge.generation import Generation
from penstock.net.request_body import Body

CALL = Call(Operation("chat", "openai", "/chat/completions"), "POST", "/v1/chat/completions", b"", [], "127.0.0.1")


def generation(ended: list[str]) -> Generation:
    return Generation(
        run=None,  # type: ignore[arg-type]
        number=1,
        total_timeout=1.0,
        authorize=None,  # type: ignore[arg-type]
        on_empty=lambda: ended.append("empty"),
    )


def test_the_generation_ends_with_its_last_fork() -> None:
    ended: list[str] = []
    made = generation(ended)
    parent = Exchange("req", CALL, 0.0, 1.0, Body(None, 0))  # type: ignore[arg-type]
    parent.generation = made
    made.enter()
    fork = parent.fork("flight")
    parent.finish("left", 0.5)
    made.leave()
    assert (made.in_flight, ended) == (1, [])
    fork.finish("ok", 0.9)
    fork.finish("ok", 0.9)
    assert (made.in_flight, ended) == (0, ["empty"])


def test_a_fork_withholds_usage_as_its_parent_does() -> None:
    parent = Exchange("req", CALL, 0.0, 1.0, Body(None, 0))  # type: ignore[arg-type]
    assert not parent.fork("one").usage_passes
    parent.usage_passes = True
    assert parent.fork("two").fork("three").usage_passes


def test_a_fork_is_of_its_parents_class_until_it_serves_another_too() -> None:
    parent = Exchange("one", CALL, 0.0, 1.0, Body(None, 0))  # type: ignore[arg-type]
    parent.priority, parent.weight = LOW, 4.0
    fork = parent.fork("one")
    assert (fork.priority, fork.weight) == (LOW, 4.0)
    other = Exchange("two", CALL, 0.0, 1.0, Body(None, 0))  # type: ignore[arg-type]
    other.priority, other.deadline = HIGH, fork.deadline + 5.0
    fork.also_for(other)
    assert (fork.priority, fork.deadline) == (HIGH, other.deadline)
    fork.also_for(parent)
    assert (fork.priority, fork.deadline) == (HIGH, other.deadline)


def test_what_was_learned_of_an_answer_is_learned_of_what_it_answers() -> None:
    fork = Exchange("one", CALL, 0.0, 1.0, Body(None, 0))  # type: ignore[arg-type]
    caller = Exchange("two", CALL, 0.0, 1.0, Body(None, 0))  # type: ignore[arg-type]
    fork.model, fork.answered_as, fork.upstream, fork.upstream_model = "m", "alias", "up", "real"
    fork.upstream_key, fork.output_default = 2, 64
    caller.degraded, caller.notes, caller.attempts, caller.queued = "max_tokens=9", {"a": "1"}, 1, 0.5
    caller.answered_by(fork)
    assert (caller.model, caller.answered_as, caller.upstream, caller.upstream_model) == ("m", "alias", "up", "real")
    assert (caller.upstream_key, caller.output_default) == (2, 64)
    assert (caller.degraded, caller.notes) == ("max_tokens=9", {"a": "1"})
    assert (caller.attempts, caller.queued) == (1, 0.5)
    fork.degraded, fork.notes = "model=mini", {"b": "2"}
    caller.answered_by(fork)
    assert (caller.degraded, caller.notes) == ("model=mini", {"a": "1", "b": "2"})
