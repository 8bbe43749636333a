import json
from typing import Any

import pytest

from penstock.core.errors import CallerError
from penstock.routing.explain import call_of, explain
from penstock.routing.strategies import STRATEGIES, make_strategy
from penstock.routing.table import Entry, Table
from penstock.routing.trial import Rules, Trial
from tests.support.decisions import Fleet
from tests.support.targets import Upstream, exchange

BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "word " * 2000}], "user": "u"}).encode()


class Scene:
    def __init__(self, strategy: str = "adaptive", size: int = 3) -> None:
        self.fleet = Fleet(5, size)
        for target in self.fleet.targets:
            target.pull = target.weight  # whoever asks which may be chosen finds them all well
        self.name = strategy
        self.strategy = make_strategy(strategy, self.fleet.shared)
        self.entry = Entry("m", self.fleet.targets, self.strategy, fallbacks=["n"])
        other = Entry("n", self.fleet.targets, make_strategy(strategy, self.fleet.shared))
        self.table = Table([self.entry, other])

    def explain(
        self, body: bytes = BODY, *, operation: str = "chat", session: str = "", key: str = ""
    ) -> dict[str, Any]:
        call = call_of(body, operation, session, "10.0.0.1")
        names = dict.fromkeys(["m", "n"], self.name)
        draw = self.fleet.shared.uniform
        return explain(self.table, self.fleet.shared, names, call, scope=key, now=self.fleet.now, uniform=draw)


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_winner_is_the_one_that_would_be_chosen_and_nothing_moves(name: str) -> None:
    asked, left_alone = Scene(name), Scene(name)
    for scene in (asked, left_alone):
        for target in scene.fleet.targets:
            target.settle(0.0)  # all have been well for long
        scene.fleet.serve(60, scene.strategy)
    told = asked.explain(key="key-1", session="s")
    for _ in range(3):
        asked.explain(key="key-1", session="s")
    asked.fleet.random.setstate(left_alone.fleet.random.getstate())  # only chance has moved on
    real = exchange()
    real.call, real.scope = call_of(BODY, "chat", "s", "10.0.0.1"), "key-1"
    for scene in (asked, left_alone):
        ask = scene.entry.ask(real, "m", scene.fleet.now)
        assert scene.strategy.choose(scene.fleet.targets, ask).name == told["winner"]
        scene.fleet.serve(30, scene.strategy)
    states = [[(t.served, t.in_flight, repr(t.load)) for t in scene.fleet.targets] for scene in (asked, left_alone)]
    assert states[0] == states[1]


def test_the_entry_the_terms_and_who_is_left_out() -> None:
    scene = Scene()
    draining, deaf, ill = scene.fleet.targets
    told = scene.explain()
    assert (told["entry"], told["asked"], told["sent_as"], told["fallbacks"]) == ("m", "m", "m", ["n"])
    assert {row["upstream"] for row in told["candidates"]} == {"t0", "t1", "t2"}
    assert all(set(row["terms"]) == {"first token", "calls", "weight"} for row in told["candidates"])
    assert told["excluded"] == []
    draining.drain()
    deaf.provider = Upstream("t1", serves=False)
    assert scene.explain()["excluded"] == [
        {"upstream": "t0", "reason": "draining"},
        {"upstream": "t1", "reason": "operation"},
    ]
    ill.provider = deaf.provider
    draining.provider = deaf.provider
    draining.changes.count += 1
    told = scene.explain()
    assert (told["winner"], told["candidates"], len(told["excluded"])) == (None, [], 3)


def test_whose_call_it_is_decides_what_is_known_of_it() -> None:
    scene = Scene()
    scene.fleet.shared.sessions.keep("key-1\0u", "t2", scene.fleet.now)
    assert scene.explain(key="key-1")["session_at"] == "t2"  # the body's user
    assert scene.explain(key="key-2")["session_at"] == ""
    assert scene.explain(key="key-1", session="other")["session_at"] == ""


def test_while_a_version_is_on_trial_a_call_is_explained_where_it_would_go() -> None:
    scene = Scene()
    new = Entry("m", scene.fleet.targets[:1], make_strategy("adaptive"), "m-next", old=scene.entry)
    scene.entry.trial = Trial(1.0, Rules(), scene.fleet.shared.uniform)
    scene.entry.new = new
    told = scene.explain()
    assert (told["entry"], told["sent_as"], told["winner"], told["fallbacks"]) == (
        "m@canary",
        "m-next",
        "t0",
        ["m", "n"],
    )


@pytest.mark.parametrize(
    ("body", "operation", "code"),
    [
        (b'{"model": "mm"}', "chat", "model_not_found"),
        (b'{"messages": []}', "chat", "missing_model"),
        (b'{"model": "m", "model": "n"}', "chat", "duplicate_key"),
        (b"", "chat", "invalid_json"),
        (BODY, "files", "unknown_operation"),
        (BODY, "moderations", "unknown_operation"),
        (BODY, "x" * 999, "unknown_operation"),
    ],
)
def test_what_the_gateway_would_refuse_is_refused_alike(body: bytes, operation: str, code: str) -> None:
    with pytest.raises(CallerError) as caught:
        Scene().explain(body, operation=operation)
    assert caught.value.code == code
