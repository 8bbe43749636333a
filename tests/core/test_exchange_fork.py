"""A fork keeps what it stands on: a reload must not take an upstream away under work that outlives its caller."""

from penstock.core.call import Call, Operation
from penstock.core.exchange import Exchange
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
