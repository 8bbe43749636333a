import json
from typing import Any

from penstock.core.call import Call
from penstock.routing.commonest import MOST_SEEN, Commonest
from penstock.wire.json import fill
from penstock.wire.operations import find

LONG = "Answer as a lock keeper would, and never of the weather. " * 30


def call(system: str | None, user: str = "Hi", headers: list[tuple[bytes, bytes]] | None = None, **more: Any) -> Call:
    operation = find("/v1/chat/completions")
    assert operation is not None
    messages = [] if system is None else [{"role": "system", "content": system}]
    body = {"model": "asked", "messages": [*messages, {"role": "user", "content": user}], **more}
    made = Call(operation, "POST", "/v1/chat/completions", b"", headers or [], "127.0.0.1")
    fill(made, json.dumps(body).encode())
    return made


def test_the_commonest_beginnings_come_first_as_calls_of_one_token_without_what_users_said() -> None:
    common = Commonest(most=2)
    tools = [{"type": "function", "function": {"name": "open_gate"}}]
    for turn in range(5):
        common.note(call("rare " + LONG, f"secret {turn}"), "m") if turn < 2 else None
        common.note(call("often " + LONG, f"secret {turn}", tools=tools), "m")
        common.note(call("some " + LONG, f"secret {turn}"), "m") if turn < 3 else None
    first, second = map(json.loads, common.bodies("m"))
    assert first == {
        "model": "m",
        "messages": [{"role": "system", "content": "often " + LONG}, {"role": "user", "content": "."}],
        "max_tokens": 1,
        "temperature": 0,
        "tools": tools,
    }
    assert second["messages"][0]["content"].startswith("some ")
    assert not any(b"secret" in body for body in common.bodies("m"))
    assert common.bodies("other") == []
    assert common.models == {"m"}


def test_what_came_once_is_short_has_no_system_prompt_or_is_classified_is_not_kept() -> None:
    common = Commonest(most=8)
    common.note(call("once " + LONG), "m")
    for _ in range(3):
        common.note(call("short"), "m")
        common.note(call(None, LONG), "m")
        common.note(call("huge " + LONG * 100), "m")
        common.note(call("inner " + LONG, headers=[(b"x-penstock-classification", b"internal")]), "m")
    assert common.bodies("m") == []
    assert not any(seen.body for seen in common._seen.values())


def test_it_is_bounded_and_what_is_common_outlives_what_is_not() -> None:
    common = Commonest(most=1)
    for turn in range(10 * MOST_SEEN):
        common.note(call(f"{turn} {LONG}"), "m")
        if turn % 20 == 0:
            common.note(call("often " + LONG), "m")
    assert len(common._seen) <= MOST_SEEN
    (body,) = common.bodies("m")
    assert json.loads(body)["messages"][0]["content"].startswith("often ")
    common.follow(0, 1024)
    assert (common.bodies("m"), len(common._seen)) == ([], 0)
